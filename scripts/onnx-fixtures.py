"""Writes test/fixtures/onnx: networks of PyTorch as ONNX files, with inputs and what PyTorch makes of them.

    python3 scripts/onnx-fixtures.py

Tried with PyTorch 1.13 (Debian's python3-torch). The weights are random, and the networks small: what is tested is the way in.
"""
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

folder = Path(__file__).resolve().parent.parent / "test" / "fixtures" / "onnx"


class LeNet(nn.Module):
    """Flattens by a view of channels, height, width: the rows of the dense layer after it go by that order."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 4, 5, padding=2)
        self.c2 = nn.Conv2d(4, 6, 5)
        self.f1 = nn.Linear(6 * 2 * 2, 20)
        self.f2 = nn.Linear(20, 10)

    def forward(self, x):
        x = F.max_pool2d(torch.tanh(self.c1(x)), 2)
        x = F.max_pool2d(torch.relu(self.c2(x)), 2)
        x = x.view(x.size(0), -1)
        return self.f2(torch.relu(self.f1(x)))


def vgg():
    """Blocks of convolutions with batch normalisation, dropout, and softmax at the end."""
    layers = []
    channels = 3
    for filters in (6, 8):
        for _ in range(2):
            layers += [nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
            channels = filters
        layers.append(nn.MaxPool2d(2, 2))
    head = [nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(), nn.Linear(8 * 4, 16), nn.ReLU(), nn.Linear(16, 5)]
    return nn.Sequential(*layers, *head, nn.Softmax(dim=1))


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.c1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.b1 = nn.BatchNorm2d(outputs)
        self.c2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.b2 = nn.BatchNorm2d(outputs)
        self.short = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.b1(self.c1(x)))
        return F.relu(self.b2(self.c2(y)) + self.short(x))


def resnet():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, 2, 1, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(3, 2, 1),
        Block(6, 6, 1),
        Block(6, 8, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 4),
    )


class Mixed(nn.Module):
    """What the others lack: groups, dilation, odd pads, ceil mode, branches, clipped and smooth activations, broadcast products."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(2, 8, 3, padding=2, dilation=2, groups=2)
        self.c2 = nn.Conv2d(8, 8, (1, 3), stride=(1, 2), padding=(0, 1))
        self.depth = nn.Conv2d(8, 8, 3, padding=1, groups=8)
        self.squeeze = nn.Conv2d(8, 3, 1)
        self.excite = nn.Conv2d(3, 8, 1)
        self.slope = nn.PReLU(8)
        self.up = nn.ConvTranspose2d(8, 4, 3, stride=2, padding=1, output_padding=1)
        self.mix = nn.Conv2d(16, 8, 1)
        self.out = nn.Linear(4 * 6 * 4, 3)

    def forward(self, x):
        x = (x - torch.tensor([0.4, 0.5]).view(1, 2, 1, 1)) / torch.tensor([0.2, 0.3]).view(1, 2, 1, 1)
        x = F.leaky_relu(self.c1(x), 0.2)
        x = F.relu6(3 * self.c2(F.pad(x, (0, 1, 1, 0))))
        a = F.silu(self.depth(x))
        s = torch.sigmoid(self.excite(F.elu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = torch.cat([a * s, F.selu(x)], 1)
        x = F.avg_pool2d(x, 3, 2, ceil_mode=True, count_include_pad=False)
        x = F.gelu(x) + F.softplus(x)
        x = F.max_pool2d(x, 2, 2, ceil_mode=True)
        x = self.up(self.slope(F.hardsigmoid(self.mix(x))))
        return self.out(F.interpolate(x, scale_factor=1.0, mode="nearest").flatten(1))


class Sequence(nn.Module):
    """Along sequences: conv1d, pooling, a dense layer at each step."""

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv1d(3, 6, 3, padding=1)
        self.n1 = nn.BatchNorm1d(6)
        self.c2 = nn.Conv1d(6, 4, 3, stride=2)
        self.out = nn.Linear(4, 2)

    def forward(self, x):
        x = F.max_pool1d(torch.relu(self.n1(self.c1(x))), 2)
        return torch.sigmoid(self.out(torch.tanh(self.c2(x)).mean(2)))


class Perceptrons(nn.Module):
    """Rows of numbers: products with constants, a layer norm, two ways that join."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(5, 7)
        self.b = nn.Linear(5, 7, bias=False)
        self.norm = nn.LayerNorm(7)
        self.n = nn.BatchNorm1d(14)
        self.out = nn.Linear(14, 1)

    def forward(self, x):
        a = torch.tanh(self.a((x - 3) * 0.5))
        b = self.b(x) * a
        return self.out(self.n(torch.cat([a, b], 1)))


def write(name, model, shape, opset=17, dynamic=True, batch=3, fold=True):
    torch.manual_seed(len(name) + opset)
    model.eval()
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
            nn.init.normal_(module.running_mean, 0, 0.2)
            nn.init.uniform_(module.running_var, 0.5, 2)
    # Larger than they start, so that the outputs tell inputs apart.
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter *= 2
    x = torch.rand(batch, *shape)
    with torch.no_grad():
        y = model(x)
    axes = {"input": {0: "n"}, "output": {0: "n"}} if dynamic else None
    path = folder / f"{name}.onnx"
    # Without folding batch normalisation stays an operator of its own.
    mode = torch.onnx.TrainingMode.EVAL if fold else torch.onnx.TrainingMode.PRESERVE
    torch.onnx.export(
        model,
        x if dynamic else x[:1],
        path,
        opset_version=opset,
        input_names=["input"],
        output_names=["output"],
        dynamic_axes=axes,
        training=mode,
    )
    numbers = lambda t: [float(f"{v:.9g}") for v in t.flatten().tolist()]
    case = {"inputShape": list(shape), "rows": batch, "inputs": numbers(x), "outputShape": list(y.shape[1:]), "outputs": numbers(y)}
    (folder / f"{name}.json").write_text(json.dumps(case) + "\n")
    print(name, path.stat().st_size, "bytes,", "largest output", float(y.abs().max()))


folder.mkdir(parents=True, exist_ok=True)
write("lenet", LeNet(), (1, 16, 16), 13)
write("lenetFixed", LeNet(), (1, 16, 16), 17, dynamic=False)
write("vgg", vgg(), (3, 16, 16), 15, fold=False)
write("vggFolded", vgg(), (3, 16, 16), 13)
write("resnet", resnet(), (3, 16, 16), 17)
write("mixed", Mixed(), (2, 9, 10), 17)
write("sequence", Sequence(), (3, 20), 14)
write("perceptrons", Perceptrons(), (5,), 17)

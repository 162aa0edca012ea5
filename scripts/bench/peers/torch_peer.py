"""PyTorch, one measurement a request: a line of JSON in, a row of JSON out, blocked on its input in between.

    OMP_NUM_THREADS=N python3 torch_peer.py N
{"op": "gemm" | "conv2d", ...} gives GFLOP/s of an operation, {"workload": {...}, "mode": "train" | "predict-1"} the speed of
a workload, each measured for "seconds".
"""
import json
import sys
import time

import torch

THREADS = int(sys.argv[1])
PEER = f"torch-{torch.__version__}"
torch.set_num_threads(THREADS)
torch.manual_seed(0)


def best_time(call, seconds):
    """Seconds of the fastest call in the window, after two to warm up."""
    call()
    call()
    best, end = float("inf"), time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def best_rate(call, seconds, count):
    """The best of three windows after a warm-up of a second at most: how many a second, where a call does `count`."""
    end = time.perf_counter() + min(1.0, seconds)
    while time.perf_counter() < end:
        call()
    best = 0.0
    for _ in range(3):
        calls, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            call()
            calls += 1
        best = max(best, calls * count / (time.perf_counter() - start))
    return best


def gemm(request):
    m, n, k = request["m"], request["n"], request["k"]
    x, y, out = torch.randn(m, k), torch.randn(k, n), torch.empty(m, n)
    return 2 * m * n * k, best_time(lambda: torch.mm(x, y, out=out), request["seconds"])


def conv2d(request):
    c = request["convolution"]
    channels, height, width = c["in"]
    filters, kernel, padding, stride, batch = c["filters"], c["kernel"], c["padding"], c["stride"], c["batch"]
    x, weight = torch.randn(batch, channels, height, width), torch.randn(filters, channels, kernel, kernel)
    bias = torch.randn(filters)
    y = torch.conv2d(x, weight, bias, stride=stride, padding=padding)
    dy = torch.randn_like(y)
    flop = 2 * batch * filters * y.shape[2] * y.shape[3] * channels * kernel * kernel
    backward = torch.ops.aten.convolution_backward

    def gradients(mask):
        geometry = [stride, stride], [padding, padding], [1, 1], False, [0, 0], 1
        return lambda: backward(dy, x, weight, [filters], *geometry, mask)

    passes = {
        "forward": lambda: torch.conv2d(x, weight, bias, stride=stride, padding=padding),
        "backward-input": gradients([True, False, False]),
        "backward-weight": gradients([False, True, True]),
    }
    with torch.inference_mode():
        return flop, best_time(passes[request["pass"]], request["seconds"])


def build(layers):
    nn = torch.nn
    activations = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}
    makers = {
        "dense": lambda l: nn.LazyLinear(l["units"]),
        "conv2d": lambda l: nn.LazyConv2d(l["filters"], l["kernel"], padding=l.get("padding", 0)),
        "maxpool2d": lambda l: nn.MaxPool2d(l["size"]),
        "batchnorm": lambda l: nn.LazyBatchNorm2d(),
        "flatten": lambda l: nn.Flatten(),
    }
    modules = []
    for layer in layers:
        modules.append(makers[layer["type"]](layer))
        if layer.get("activation"):
            modules.append(activations[layer["activation"]]())
    return nn.Sequential(*modules)


class Trainer:
    """A workload, built once and measured in every round."""

    def __init__(self, workload):
        self.workload = workload
        self.batch = workload["batch"]
        self.net = build(workload["layers"])
        self.x = torch.randn(self.batch, *workload["input"])
        classes = self.net(self.x).shape[1]
        self.y = torch.randint(0, classes, (self.batch,))
        self.loss = torch.nn.CrossEntropyLoss()
        if workload["loss"] == "mse":
            self.y = torch.nn.functional.one_hot(self.y, classes).float()
            self.loss = torch.nn.MSELoss()
        parameters = self.net.parameters()
        adam = workload["optimizer"] == "adam"
        self.optimizer = torch.optim.Adam(parameters, lr=1e-3) if adam else torch.optim.SGD(parameters, lr=0.01)

    def step(self):
        self.optimizer.zero_grad(set_to_none=True)
        self.loss(self.net(self.x), self.y).backward()
        self.optimizer.step()

    def measure(self, mode, seconds):
        if mode == "train":
            self.net.train()
            return {"samples_per_s": round(best_rate(self.step, seconds, self.batch))}
        self.net.eval()
        one = self.x[:1]
        with torch.inference_mode():
            return {"us": round(1e6 / best_rate(lambda: self.net(one), seconds, 1), 2)}


trainer = None


def answer(request):
    global trainer
    if "op" in request:
        flop, seconds = {"gemm": gemm, "conv2d": conv2d}[request["op"]](request)
        row = {key: request[key] for key in ("op", "shape", "pass")}
        return {**row, "threads": THREADS, "gflops": round(flop / seconds / 1e9, 2), "us": round(seconds * 1e6, 2)}
    workload, mode = request["workload"], request["mode"]
    if trainer is None or trainer.workload != workload:
        trainer = Trainer(workload)
    row = {"workload": workload["name"], "threads": THREADS, "batch": trainer.batch, "mode": mode}
    return {**row, **trainer.measure(mode, request["seconds"])}


print(json.dumps({"peer": PEER}), flush=True)
for line in sys.stdin:
    print(json.dumps({"peer": PEER, **answer(json.loads(line))}), flush=True)

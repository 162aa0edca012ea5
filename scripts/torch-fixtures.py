"""Writes test/fixtures/torch: what PyTorch gives for every layer, loss, optimiser and schedule, and for some networks.

Needs PyTorch (written with 1.13) and NumPy. Everything is worked out in double precision from inputs that are float32
numbers, and rounded to float32 at the end, so that a difference is Hebb's rounding or a different definition. All tensors
are in Hebb's layouts: images (rows, height, width, channels), kernels (height, width, channels / groups, filters), dense
weights (inputs, units).
"""

import pathlib
import shutil
import sys

sys.dont_write_bytecode = True

from fixtures import layers, losses, networks, optimizers, schedules
from fixtures.common import write

folder = pathlib.Path(__file__).parent.parent / "test" / "fixtures" / "torch"
shutil.rmtree(folder, ignore_errors=True)
for family in [layers, losses, optimizers, schedules, networks]:
    kind = family.__name__.split(".")[-1]
    for name, cases in family.fixtures():
        write(folder / kind / f"{name}.json", cases)

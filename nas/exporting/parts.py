"""What a generated network file is made of besides its own classes: each part is copied there as it stands here.

So these lines are read, checked and tested as any others of this project, and import torch alone.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent


def conv(c_in, c_out, kernel=(1, 1, 1), stride=(1, 1, 1), groups=1):
    """A convolution without bias, padded by half its kernel (time, height, width); one stride is for all three."""
    padding = tuple(k // 2 for k in kernel)
    return nn.Conv3d(c_in, c_out, kernel, stride, padding, groups=groups, bias=False)


def relu(x):
    """A rectified linear unit, in place."""
    return F.relu(x, inplace=True)


def sequence(**layers):
    """Named layers one after the other."""
    return nn.Sequential(OrderedDict(layers))


def stage(blocks, pool=None):
    """Blocks one after the other, called by their number, behind a pooling where there is one."""
    layers = {} if pool is None else {"pool": pool}
    layers |= {str(number): block() for number, block in enumerate(blocks)}
    return nn.Sequential(OrderedDict(layers))


class Mean(nn.Module):
    """The average over some axes of (b, c, t, h, w); over all of t, h and w, it is (b, c)."""

    def __init__(self, over):
        super().__init__()
        self.axes = tuple("bcthw".index(axis) for axis in over)

    def forward(self, x):
        return x.mean(self.axes, keepdim=len(self.axes) < 3)


class MaxPool(nn.MaxPool3d):
    """Max pooling whose window is cut to the size of what it pools, so that any clip passes."""

    def forward(self, x):
        sizes = zip(self.kernel_size, x.shape[2:], self.padding, strict=True)
        kernel = tuple(min(k, n + 2 * p) for k, n, p in sizes)
        return F.max_pool3d(x, kernel, self.stride, self.padding)


class AvgPool(nn.Module):
    """Average pooling without padding; windows are cut off at the border, and to the size of what they average."""

    def __init__(self, kernel, stride=(1, 1, 1)):
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x):
        kernel = tuple(map(min, self.kernel, x.shape[2:]))
        return F.avg_pool3d(x, kernel, self.stride, ceil_mode=True)


class ChannelLinear(nn.Linear):
    """A linear layer over the channels, at each position: (b, c_in, t, h, w) -> (b, c_out, t, h, w)."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class Shuffle(nn.Module):
    """A new order of the channels, taken as a grid of `sizes` (slowest axis first) whose axes are put in `order`."""

    def __init__(self, sizes, order):
        super().__init__()
        self.sizes, self.axes = sizes, (0, 1, 2, 3, *(4 + axis for axis in order))

    def forward(self, x):
        grid = x.movedim(1, -1).unflatten(-1, self.sizes)
        return grid.permute(self.axes).flatten(4).movedim(-1, 1)


def read_weights(path):
    """The tensors of a .safetensors file: the length of a JSON header, the header, then plain numbers."""
    data = Path(path).read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    types = {"F32": torch.float32, "I64": torch.int64}
    tensors = {}
    for name, about in header.items():
        first, last = (start + offset for offset in about["data_offsets"])
        numbers = torch.frombuffer(bytearray(data[first:last]), dtype=types[about["dtype"]])
        tensors[name] = numbers.reshape(about["shape"])
    return tensors


def load(weights=HERE / "weights.safetensors"):
    """The trained network, ready to score clips."""
    network = Network()  # noqa: F821  (written below these parts)
    network.load_state_dict(read_weights(weights))
    return network.eval().to(memory_format=torch.channels_last_3d)

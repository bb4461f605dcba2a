"""How convolutions are computed in training: several formulations of the same sums.

Libraries are fast at the convolutions that photographs need, and slow at some that clips need: on a CPU the gradients
of a 3D depthwise convolution take ten times as long as the convolution itself, although they are as many sums. So each
of the three passes (the output, the gradient of the input, the gradient of the kernel) may be computed in a way of its
own. All ways add up the same products, in another order. Which one is taken where is decided in `nas.choosing`.

Legend: x input, y output, dx dy their gradients, k dk kernel and gradient; b clips, c channels, t frames, h w pixels.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Triple = tuple[int, int, int]
Settings = tuple[tuple[int, ...], tuple[int, ...], int]
Wanted = tuple[bool, bool]
Gradients = tuple[Tensor | None, Tensor | None]
ONES: Triple = (1, 1, 1)
LAST = torch.channels_last_3d
OUTPUT, INPUT, KERNEL = PASSES = ("output", "input", "kernel")


@dataclass(frozen=True)
class Shape:
    """All of a convolution but its numbers; `x` is (b, c, t, h, w)."""

    x: tuple[int, int, int, int, int]
    c_out: int
    kernel: Triple = ONES
    stride: Triple = ONES
    padding: Triple = (0, 0, 0)
    groups: int = 1

    @cached_property
    def y(self) -> tuple[int, ...]:
        """The output's sizes.

        >>> Shape((2, 3, 8, 64, 64), 16, (3, 7, 7), (1, 2, 2), (1, 3, 3)).y
        (2, 16, 8, 32, 32)
        """
        sizes = zip(self.x[2:], self.kernel, self.stride, self.padding, strict=True)
        return (self.x[0], self.c_out, *((n + 2 * p - k) // s + 1 for n, k, s, p in sizes))

    @property
    def k(self) -> tuple[int, ...]:
        """The kernel's sizes."""
        return (self.c_out, self.group_width, *self.kernel)

    @property
    def group_width(self) -> int:
        """Input channels of a group."""
        return self.x[1] // self.groups

    @property
    def depthwise(self) -> bool:
        """One filter per channel."""
        return 1 < self.groups == self.x[1] == self.c_out

    @property
    def macs(self) -> int:
        """Multiply-accumulates of each of the three passes."""
        return prod(self.y) * self.group_width * prod(self.kernel)


class Plain:
    """As torch does it. What others change is how tensors are seen: `seen` and `unseen` clips, `thin` kernels."""

    passes = PASSES

    def fits(self, shape: Shape) -> bool:
        """Whether it can compute this convolution."""
        return True

    def output(self, x: Tensor, k: Tensor, shape: Shape) -> Tensor:
        """The convolution, in channels_last_3d."""
        stride, padding, groups = self.settings(shape)
        ones, zeros = (1,) * len(stride), (0,) * len(stride)
        seen = self.seen(x), self.thin(k, shape)
        return self.unseen(torch.convolution(*seen, None, stride, padding, ones, False, zeros, groups), shape.y)

    def gradients(self, dy: Tensor, x: Tensor, k: Tensor, shape: Shape, wanted: Wanted) -> Gradients:
        """The gradients (dx, dk), those that are wanted, for dy and x in channels_last_3d."""
        stride, padding, groups = self.settings(shape)
        ones, zeros = (1,) * len(stride), (0,) * len(stride)
        seen = self.seen(dy), self.seen(x), self.thin(k, shape)
        dx, dk, _ = torch.ops.aten.convolution_backward(
            *seen, None, stride, padding, ones, False, zeros, groups, (*wanted, False)
        )
        return self.unseen(dx, shape.x) if wanted[0] else None, self.thick(dk, shape) if wanted[1] else None

    def settings(self, shape: Shape) -> Settings:
        """Stride, padding and groups of the convolution of what is seen."""
        return shape.stride, shape.padding, shape.groups

    def seen(self, x: Tensor) -> Tensor:
        """The clips (b, c, t, h, w) as the convolution sees them."""
        return x

    def unseen(self, x: Tensor, sizes: tuple[int, ...]) -> Tensor:
        """Undoes `seen`, in channels_last_3d."""
        return _dense(x)

    def thin(self, k: Tensor, shape: Shape) -> Tensor:
        """The kernel as the convolution sees it."""
        return k

    def thick(self, k: Tensor, shape: Shape) -> Tensor:
        """Undoes `thin`."""
        return k


class Frames(Plain):
    """1 x h x w as a 2D convolution of photographs: (b t, c, h, w), in channels_last without a copy."""

    def fits(self, shape: Shape) -> bool:
        return shape.kernel[0] == shape.stride[0] == 1 and shape.padding[0] == 0

    def settings(self, shape: Shape) -> Settings:
        return shape.stride[1:], shape.padding[1:], shape.groups

    def seen(self, x: Tensor) -> Tensor:
        b, c, t, h, w = x.shape
        return x.as_strided((b * t, c, h, w), (h * w * c, 1, w * c, c))

    def unseen(self, x: Tensor, sizes: tuple[int, ...]) -> Tensor:
        return _clips(x.contiguous(memory_format=torch.channels_last), sizes)

    def thin(self, k: Tensor, shape: Shape) -> Tensor:
        return k.squeeze(2)

    def thick(self, k: Tensor, shape: Shape) -> Tensor:
        return k.unsqueeze(2)


class Lines(Frames):
    """t x 1 x 1 as a 2D convolution of pictures whose axes are time and place: (b, c, t, h w), without a copy."""

    def fits(self, shape: Shape) -> bool:
        return shape.kernel[1:] == shape.stride[1:] == (1, 1) and shape.padding[1:] == (0, 0)

    def settings(self, shape: Shape) -> Settings:
        return (shape.stride[0], 1), (shape.padding[0], 0), shape.groups

    def seen(self, x: Tensor) -> Tensor:
        b, c, t, h, w = x.shape
        return x.as_strided((b, c, t, h * w), (t * h * w * c, 1, h * w * c, c))

    def thin(self, k: Tensor, shape: Shape) -> Tensor:
        return k.squeeze(4)

    def thick(self, k: Tensor, shape: Shape) -> Tensor:
        return k.unsqueeze(4)


class Merged(Plain):
    """Narrow groups merged to ones of up to 8 channels, with zeros between: more sums, but whole vector registers."""

    def fits(self, shape: Shape) -> bool:
        return self._together(shape) > 1

    def settings(self, shape: Shape) -> Settings:
        return shape.stride, shape.padding, shape.groups // self._together(shape)

    def thin(self, k: Tensor, shape: Shape) -> Tensor:
        together = self._together(shape)
        split = k.unflatten(0, (shape.groups // together, together, -1))
        wide = k.new_zeros(*split.shape[:3], together, *split.shape[3:])
        wide.diagonal(dim1=1, dim2=3).copy_(split.movedim(1, -1))
        return wide.flatten(3, 4).flatten(0, 2)

    def thick(self, k: Tensor, shape: Shape) -> Tensor:
        together = self._together(shape)
        wide = k.unflatten(1, (together, -1)).unflatten(0, (shape.groups // together, together, -1))
        return wide.diagonal(dim1=1, dim2=3).movedim(-1, 1).flatten(0, 2)

    def _together(self, shape: Shape) -> int:
        most = max(1, 8 // shape.group_width)
        return max(number for number in range(1, most + 1) if shape.groups % number == 0)


class Product:
    """1 x 1 x 1 as a product of matrices: positions by channels, times channels by channels."""

    passes = PASSES

    def fits(self, shape: Shape) -> bool:
        return shape.kernel == ONES and shape.padding == (0, 0, 0) and shape.groups == 1

    def output(self, x: Tensor, k: Tensor, shape: Shape) -> Tensor:
        return _clips(_rows(_every(x, shape.stride)) @ k.flatten(1).t(), shape.y)

    def gradients(self, dy: Tensor, x: Tensor, k: Tensor, shape: Shape, wanted: Wanted) -> Gradients:
        dx, dk, rows = None, None, _rows(dy)
        if wanted[0]:
            dx = _clips(rows @ k.flatten(1), (shape.x[0], shape.x[1], *shape.y[2:]))
            dx = dx if shape.stride == ONES else _apart(dx, shape.x, shape.stride)
        if wanted[1]:
            dk = (rows.t() @ _rows(_every(x, shape.stride))).view(k.shape)
        return dx, dk


class Turned:
    """The gradient of a depthwise convolution's input as a convolution of `dy` with the kernel turned round.

    Where there is a stride, zeros stand between the elements of `dy`.
    """

    passes = (INPUT,)

    def fits(self, shape: Shape) -> bool:
        return shape.depthwise and all(p < k for p, k in zip(shape.padding, shape.kernel, strict=True))

    def gradients(self, dy: Tensor, x: Tensor, k: Tensor, shape: Shape, wanted: Wanted) -> Gradients:
        unstrided = Shape(shape.x, shape.c_out, shape.kernel, ONES, shape.padding, shape.groups)
        dy = dy if shape.stride == ONES else _apart(dy, unstrided.y, shape.stride)
        padding = tuple(k - 1 - p for k, p in zip(shape.kernel, shape.padding, strict=True))
        turned = Shape(unstrided.y, shape.c_out, shape.kernel, ONES, padding, shape.groups)
        return PLAIN.output(dy, k.flip(2, 3, 4), turned), None


class Taps:
    """t x h x w frame by frame of the kernel: t 2D convolutions of the frames that each of them meets."""

    passes = PASSES

    def fits(self, shape: Shape) -> bool:
        return shape.kernel[0] > 1

    def output(self, x: Tensor, k: Tensor, shape: Shape) -> Tensor:
        y = _zeros(shape.y, x)
        for tap, before, after, flat in self._meetings(shape):
            y[:, :, after] += FRAMES.output(_dense(x[:, :, before]), k[:, :, tap, None], flat)
        return y

    def gradients(self, dy: Tensor, x: Tensor, k: Tensor, shape: Shape, wanted: Wanted) -> Gradients:
        dx = _zeros(shape.x, x) if wanted[0] else None
        dk = torch.zeros_like(k) if wanted[1] else None
        for tap, before, after, flat in self._meetings(shape):
            met = _dense(dy[:, :, after]), _dense(x[:, :, before]), k[:, :, tap, None]
            of_x, of_k = FRAMES.gradients(*met, flat, wanted)
            if wanted[0]:
                dx[:, :, before] += of_x
            if wanted[1]:
                dk[:, :, tap] = of_k.squeeze(2)
        return dx, dk

    def _meetings(self, shape: Shape) -> Iterator[tuple[int, slice, slice, Shape]]:
        """Per frame of the kernel: the input's frames, the output's frames they add to, and that convolution."""
        (b, c, t, h, w), stride = shape.x, shape.stride[0]
        flat = (1, *shape.kernel[1:]), (1, *shape.stride[1:]), (0, *shape.padding[1:]), shape.groups
        for tap in range(shape.kernel[0]):
            ahead = tap - shape.padding[0]
            first, end = max(0, -(ahead // stride)), min(shape.y[2], (t - 1 - ahead) // stride + 1)
            if first < end:
                start = first * stride + ahead
                before = slice(start, start + (end - first - 1) * stride + 1, stride)
                yield tap, before, slice(first, end), Shape((b, c, end - first, h, w), shape.c_out, *flat)


class Single:
    """The gradient of the kernel in single precision.

    In half precision on a CPU, torch 2.13 (oneDNN) leaves parts of that gradient unset where the clip has fewer frames,
    rows or columns than the kernel: errors of 100 % and more, up to NaN.
    """

    passes = (KERNEL,)

    def fits(self, shape: Shape) -> bool:
        return True

    def gradients(self, dy: Tensor, x: Tensor, k: Tensor, shape: Shape, wanted: Wanted) -> Gradients:
        _, dk = PLAIN.gradients(dy.float(), x.float(), k.float(), shape, wanted)
        return None, dk.to(k.dtype)


PLAIN, FRAMES = Plain(), Frames()
FORMULATIONS = {
    "plain": PLAIN,
    "frames": FRAMES,
    "lines": Lines(),
    "merged": Merged(),
    "product": Product(),
    "turned": Turned(),
    "taps": Taps(),
    "single": Single(),
}


class Choice(NamedTuple):
    """The name of a formulation for each pass."""

    output: str = "plain"
    input: str = "plain"
    kernel: str = "plain"


def convolve(x: Tensor, k: Tensor, shape: Shape, choice: Choice) -> Tensor:
    """The convolution of x (b, c, t, h, w) in channels_last_3d; it can be differentiated once."""
    return _Convolution.apply(x, k, shape, choice)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor, k: Tensor, shape: Shape, choice: Choice) -> Tensor:
        x = _dense(x)
        ctx.save_for_backward(x, k)
        ctx.shape, ctx.choice = shape, choice
        return FORMULATIONS[choice.output].output(x, k, shape)

    @staticmethod
    @once_differentiable
    def backward(ctx, dy: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        of_x, of_k = wanted = ctx.needs_input_grad[:2]
        given = _dense(dy), *ctx.saved_tensors, ctx.shape
        ways = FORMULATIONS[ctx.choice.input], FORMULATIONS[ctx.choice.kernel]
        if ways[0] is ways[1]:
            return *ways[0].gradients(*given, wanted), None, None
        dx = ways[0].gradients(*given, (True, False))[0] if of_x else None
        dk = ways[1].gradients(*given, (False, True))[1] if of_k else None
        return dx, dk, None, None


def _dense(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=LAST)


def _zeros(sizes: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.empty(sizes, dtype=like.dtype, device=like.device, memory_format=LAST).zero_()


def _rows(x: Tensor) -> Tensor:
    """Clips as (b t h w, c)."""
    return x.permute(0, 2, 3, 4, 1).flatten(0, 3)


def _clips(x: Tensor, sizes: tuple[int, ...]) -> Tensor:
    """What lies in memory position by position, each with its channels, as (b, c, t, h, w)."""
    _, c, t, h, w = sizes
    return x.as_strided(sizes, (t * h * w * c, 1, h * w * c, w * c, c))


def _every(x: Tensor, stride: Triple) -> Tensor:
    """The positions that a convolution of 1 x 1 x 1 with a stride sees."""
    t, h, w = stride
    return x if stride == ONES else x[:, :, ::t, ::h, ::w]


def _apart(x: Tensor, sizes: tuple[int, ...], stride: Triple) -> Tensor:
    """Undoes `_every`, with zeros at the other positions."""
    wide = _zeros(sizes, x)
    _every(wide, stride).copy_(x)
    return wide

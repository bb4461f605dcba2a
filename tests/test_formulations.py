"""Every formulation of a convolution against torch's own: the output and both gradients."""

import pytest
import torch
from torch.nn import functional as F

from nas.formulations import FORMULATIONS, LAST, OUTPUT, PASSES, Choice, Shape, convolve

KERNELS = [(1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3), (2, 3, 2), (1, 2, 2), (4, 1, 1), (5, 3, 3)]
STRIDES = [(1, 1, 1), (1, 2, 2), (2, 1, 1), (2, 2, 2)]
CHANNELS = [(8, 8, 8), (8, 8, 1), (6, 12, 3), (8, 4, 4), (3, 5, 1), (6, 6, 1)]  # in, out, groups
CLIPS = [(5, 6, 7), (2, 1, 2), (1, 4, 4)]  # odd and even, smaller than most kernels
SHAPES = [
    Shape((2, c_in, *clip), c_out, kernel, stride, tuple(k // 2 for k in kernel), groups)
    for kernel in KERNELS
    for stride in STRIDES
    for c_in, c_out, groups in CHANNELS
    for clip in CLIPS
]

pytestmark = pytest.mark.usefixtures("one_thread")  # tiny tensors: a second thread costs more than it saves


def drawn(shape, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    tensors = (torch.randn(sizes, generator=generator, dtype=dtype) for sizes in (shape.x, shape.k, shape.y))
    return [tensor.contiguous(memory_format=LAST) for tensor in tensors]


def passes(compute, x, k, dy):
    """The output and the gradients of x and k."""
    x, k = x.detach().requires_grad_(), k.detach().requires_grad_()
    y = compute(x, k)
    return dict(zip(PASSES, (y.detach(), *torch.autograd.grad(y, (x, k), dy)), strict=True))


def torch_s(shape):
    return lambda x, k: F.conv3d(x, k, None, shape.stride, shape.padding, 1, shape.groups)


def ours(shape, name):
    """The convolution whose passes are all computed by the formulation, as far as it has them."""
    choice = Choice(*(name if step in FORMULATIONS[name].passes else "plain" for step in PASSES))
    return lambda x, k: convolve(x, k, shape, choice)


@pytest.mark.parametrize("name", FORMULATIONS)
def test_the_same_sums_in_another_order(name):
    fitting = [shape for shape in SHAPES if min(shape.y) > 0 and FORMULATIONS[name].fits(shape)]
    assert len(fitting) >= 30
    tolerance = 1e-4 if name == "single" else 1e-12
    for shape in fitting:
        tensors = drawn(shape)
        expected, found = passes(torch_s(shape), *tensors), passes(ours(shape, name), *tensors)
        for step in FORMULATIONS[name].passes:
            torch.testing.assert_close(
                found[step], expected[step], rtol=tolerance, atol=tolerance, msg=f"{step} {shape}"
            )


@pytest.mark.parametrize("name", FORMULATIONS)
def test_single_precision_is_as_exact_as_torch_s_own(name):
    """Against double precision, in parts of the largest value; clips and kernels are not in channels_last_3d."""
    every = [Shape((3, 16, 4, 6, 6), 16, kernel, padding=tuple(k // 2 for k in kernel), groups=groups)
             for kernel in ((1, 1, 1), (3, 1, 1), (3, 3, 3)) for groups in (1, 8, 16)]  # fmt: skip
    for shape in (shape for shape in every if FORMULATIONS[name].fits(shape)):
        tensors = drawn(shape)
        expected = passes(torch_s(shape), *tensors)
        found = passes(ours(shape, name), *(tensor.float().contiguous() for tensor in tensors))
        for step in FORMULATIONS[name].passes:
            assert found[step].dtype == torch.float32
            torch.testing.assert_close(
                found[step].double(), expected[step], rtol=0, atol=expected[step].abs().max() * 3e-6
            )


@pytest.mark.parametrize("name", FORMULATIONS)
def test_clips_stay_in_channels_last(name):
    for kernel in ((1, 1, 1), (3, 1, 1), (1, 3, 3), (3, 3, 3)):
        for groups in (1, 4, 8):
            shape = Shape((2, 8, 4, 6, 6), 8, kernel, (1, 1, 1), tuple(k // 2 for k in kernel), groups)
            if FORMULATIONS[name].fits(shape):
                found = passes(ours(shape, name), *drawn(shape, torch.float32))
                steps = [step for step in PASSES[:2] if step in FORMULATIONS[name].passes]
                assert all(found[step].is_contiguous(memory_format=LAST) for step in steps), shape


def test_only_what_needs_a_gradient_gets_one():
    shape = Shape((2, 8, 4, 6, 6), 8, (3, 3, 3), padding=(1, 1, 1), groups=8)
    choice = Choice("plain", "turned", "taps")
    x, k, dy = drawn(shape)
    convolve(x, k.requires_grad_(), shape, choice).backward(dy)
    assert x.grad is None and k.grad is not None
    k = k.detach()
    convolve(x.requires_grad_(), k, shape, choice).backward(dy)
    assert x.grad is not None and k.grad is None


def test_passes_say_what_a_formulation_can():
    for ways in FORMULATIONS.values():
        assert (OUTPUT in ways.passes) == hasattr(ways, "output")
        assert set(ways.passes) <= set(PASSES)

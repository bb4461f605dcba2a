"""Which formulation is taken: the same network with and without them, and where none may be taken at all."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import nas.build
from nas import choosing, content
from nas.build import Convolution, build
from nas.choosing import chosen, fastest, rule
from nas.formulations import FORMULATIONS, LAST, PASSES, Choice, Shape
from nas.genotype import load
from nas.scale import scale

NETWORKS = ["ir-csn-26", "ip-csn-26", "sevnet-g8-se", "ct-module-r50-k2", "ct-net-r50", "s3d-g"]
CPU = torch.device("cpu")


def network(name, width=0.125):
    genotype, _ = scale(load(content.find(name, "models")), width=width, depth=0.5, classes=5)
    return build(genotype, seed=0).train()


def plain(model):
    """The same network of torch's own layers: only norms know that it is trained."""
    model = copy.deepcopy(model)
    for module in model.modules():
        module.training = isinstance(module, nn.BatchNorm3d)
    return model


def gradients(model, x):
    F.cross_entropy(model(x), torch.arange(len(x)) % 5).backward()
    return {name: parameter.grad for name, parameter in model.named_parameters()}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_learns_the_same_with_and_without(name, monkeypatch):
    """In double precision, for which the rule of single precision is taken here."""
    monkeypatch.setattr(choosing, "chosen", lambda shape, dtype, device: rule(shape))
    choosing._planned.cache_clear()
    model = network(name).double()
    x = torch.randn(2, 3, 4, 40, 40, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=LAST)
    found, expected = gradients(copy.deepcopy(model), x), gradients(plain(model), x)
    taken = {choice for _, choice in (choosing._planned(*key) for key in seen(model, x))}
    choosing._planned.cache_clear()
    assert taken - {Choice()}, "no formulation but torch's own was tested"
    scale = max(gradient.abs().max() for gradient in expected.values())
    for parameter, gradient in expected.items():
        torch.testing.assert_close(found[parameter], gradient, rtol=1e-6, atol=1e-9 * scale, msg=parameter)


def seen(model, x):
    """What each convolution asks for."""
    keys = []

    def note(layer, inputs):
        settings = layer.stride, layer.padding, layer.groups, x.dtype, x.device
        keys.append((inputs[0].shape, layer.weight.shape, *settings))

    model = copy.deepcopy(model)
    for layer in (m for m in model.modules() if isinstance(m, Convolution)):
        layer.register_forward_pre_hook(note)
    with torch.no_grad():
        model(x)
    return keys


def test_a_run_repeats_itself_bit_for_bit():
    x = torch.randn(4, 3, 4, 32, 32).contiguous(memory_format=LAST)
    one, two = (gradients(network("ir-csn-26"), x) for _ in range(2))
    assert all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_the_rule_takes_what_fits(dtype):
    for kernel in ((1, 1, 1), (1, 3, 3), (3, 1, 1), (3, 3, 3), (5, 5, 5), (3, 7, 7)):
        for stride in ((1, 1, 1), (1, 2, 2), (2, 2, 2)):
            for c_in, c_out, groups in ((64, 64, 64), (64, 64, 1), (64, 128, 32), (64, 32, 64 // 2), (3, 16, 1)):
                for clip in ((8, 28, 28), (1, 2, 2)):
                    for clips in (1, 8, 32):
                        padding = tuple(k // 2 for k in kernel)
                        shape = Shape((clips, c_in, *clip), c_out, kernel, stride, padding, groups)
                        choice = rule(shape, dtype)
                        for step, name in zip(PASSES, choice, strict=True):
                            assert step in FORMULATIONS[name].passes and FORMULATIONS[name].fits(shape), (shape, choice)


def test_torch_s_own_where_nothing_was_measured():
    shape = Shape((8, 64, 8, 14, 14), 64, (3, 3, 3), padding=(1, 1, 1), groups=64)
    assert rule(shape, torch.float64) == Choice() != rule(shape)
    assert chosen(shape, torch.float32, torch.device("meta")) == Choice()


@pytest.fixture
def forbidden(monkeypatch):
    """Whoever asks for a formulation fails."""

    def fail(*_):
        raise AssertionError("a formulation was asked for")

    monkeypatch.setattr(nas.build, "convolution", fail)


def test_without_gradients_it_is_torch_s_convolution(forbidden):
    layer = Convolution(8, 8, 3, padding=1, groups=8, bias=False)
    x = torch.randn(2, 8, 4, 6, 6)
    expected = F.conv3d(x, layer.weight, None, 1, 1, 1, 8)
    with pytest.raises(AssertionError, match="asked for"):
        layer(x)
    with torch.no_grad():
        assert torch.equal(layer(x), expected)
    with torch.inference_mode():
        assert torch.equal(layer(x), expected)
    assert torch.equal(layer.eval()(x), expected)


@pytest.mark.parametrize("training", [False, True])
def test_traces_and_exports_hold_torch_s_convolution(forbidden, training):
    layer = Convolution(8, 8, 3, padding=1, groups=8, bias=False).train(training)
    x = torch.randn(2, 8, 4, 6, 6)
    program = torch.export.export(layer, (x,))
    assert [str(node.target) for node in program.graph.nodes if node.op == "call_function"] == ["aten.conv3d.default"]
    assert torch.equal(torch.jit.trace(layer, (x,))(x), F.conv3d(x, layer.weight, None, 1, 1, 1, 8))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_computes_in_its_precision_and_the_weights_keep_theirs(dtype):
    layer = Convolution(16, 16, 3, padding=1, groups=16, bias=False)
    x = torch.randn(4, 16, 4, 8, 8, requires_grad=True)
    with torch.autocast("cpu", dtype=dtype):
        y = layer(x)
    y.float().square().sum().backward()
    assert y.dtype == dtype and x.grad.dtype == layer.weight.grad.dtype == torch.float32
    expected = F.conv3d(x.detach().double(), layer.weight.detach().double(), None, 1, 1, 1, 16)
    torch.testing.assert_close(y.double(), expected, rtol=0, atol=0.02 * expected.abs().max())


@pytest.mark.parametrize("groups", [1, 16])
@pytest.mark.parametrize("kernel", [(3, 3, 3), (3, 1, 1), (1, 3, 3)])
def test_half_precision_with_kernels_larger_than_the_clip(kernel, groups):
    """torch's own gradient of the kernel is wrong there, by 100 % and more."""
    layer = Convolution(16, 16, kernel, 1, tuple(k // 2 for k in kernel), groups=groups, bias=False)
    layer = layer.to(torch.bfloat16, memory_format=LAST)
    for clip in ((2, 4, 4), (1, 2, 2)):
        x, dy = (torch.randn(8, 16, *clip).bfloat16().contiguous(memory_format=LAST) for _ in range(2))
        (found,) = torch.autograd.grad(layer(x), layer.weight, dy)
        k = layer.weight.detach().double().requires_grad_()
        y = F.conv3d(x.double(), k, None, 1, layer.padding, 1, groups)
        (expected,) = torch.autograd.grad(y, k, dy.double())
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=0.02 * expected.abs().max())


def test_layers_are_torch_s_to_all_who_ask():
    layer = Convolution(8, 4, (1, 3, 3), bias=False)
    assert isinstance(layer, nn.Conv3d) and list(layer.state_dict()) == ["weight"]
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert type(twin) is Convolution and torch.equal(twin.weight, layer.weight)


def test_timing_takes_the_fastest_of_each_pass_and_leaves_out_what_fails():
    """A product costs nothing here, frames fail, and everything else takes its turn in seconds."""
    turns = iter(range(1, 1000))

    def seconds(compute, device):
        assert device == CPU
        compute()
        name = compute.__closure__ and type(compute.__defaults__[0]).__name__
        if name == "Frames":
            raise RuntimeError("no such kernel")
        return 0.0 if name == "Product" else next(turns)

    dense, depthwise = Shape((2, 8, 4, 6, 6), 8), Shape((2, 8, 4, 6, 6), 8, (3, 3, 3), padding=(1, 1, 1), groups=8)
    assert fastest(dense, torch.float32, CPU, seconds) == Choice("product", "product", "product")
    assert fastest(depthwise, torch.float32, CPU, seconds) == Choice()  # the first in turn


def test_timing_for_real():
    shape = Shape((2, 8, 4, 6, 6), 8, (3, 3, 3), padding=(1, 1, 1), groups=8)
    choice = fastest(shape, torch.float32, CPU)
    assert all(step in FORMULATIONS[name].passes for step, name in zip(PASSES, choice, strict=True))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_formulations_on_a_gpu(precision):
    """Whatever is fastest there computes the same."""
    for groups, kernel in ((16, (3, 3, 3)), (1, (1, 1, 1)), (1, (3, 1, 1)), (4, (1, 3, 3))):
        layer = Convolution(16, 16, kernel, 1, tuple(k // 2 for k in kernel), groups=groups, bias=False)
        layer = layer.to("cuda", precision, memory_format=LAST)
        x = torch.randn(4, 16, 4, 8, 8).to("cuda", precision).contiguous(memory_format=LAST)
        (found,) = torch.autograd.grad(layer(x).float().square().sum(), layer.weight)
        k = layer.weight.detach().double().requires_grad_()
        y = F.conv3d(x.double(), k, None, 1, layer.padding, 1, groups)
        (expected,) = torch.autograd.grad(y.square().sum(), k)
        torch.testing.assert_close(found.double(), expected, rtol=0, atol=0.03 * expected.abs().max().item())

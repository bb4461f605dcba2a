"""Where cells look: against the pixels that torch's gradients say a cell depends on."""

import numpy as np
import pytest
import torch

from nas import content
from nas import genotype as genotypes
from nas.build import build, module_of
from nas.errors import NasError
from nas.layers import Act, AvgPool, Conv, Pool, seq
from nas.network import network
from nas.visualising.centres import Centres, centres, maps, spread

TREES = {
    "odd kernels": seq(
        a=Conv(3, 2, (3, 7, 7), (1, 2, 2)), b=Pool((1, 3, 3), (1, 2, 2)), c=Conv(2, 2, (3, 3, 3), (2, 2, 2))
    ),
    "even pools": seq(
        a=Conv(3, 2, (3, 3, 3), (1, 2, 2)), b=Pool((2, 2, 2), (2, 2, 2)), c=AvgPool((1, 2, 2), (1, 2, 2))
    ),
    "even kernels": seq(a=Conv(3, 2, (2, 4, 4), (2, 2, 2)), b=Act(), c=Conv(2, 2, (3, 3, 3))),
}
NETWORKS = ("ir-csn-26", "sevnet-g6", "i3d", "ct-net-r50", "s3d-g")


def looked_at(model, clip, cell):
    """The middle of the input that a cell of the output depends on, for each axis, by its gradients."""
    for parameter in model.parameters():
        parameter.data = torch.rand_like(parameter)
    x = torch.rand(50, *clip, requires_grad=True)  # many, since each maximum is of one place alone
    (gradient,) = torch.autograd.grad(model(x)[:, :, *cell].sum(), x)
    seen = gradient.abs().sum((0, 1))
    ranges = [np.flatnonzero(seen.sum(tuple(a for a in range(3) if a != axis))) for axis in range(3)]
    return [float(some[0] + some[-1]) / 2 for some in ranges]


@pytest.mark.parametrize("name", TREES)
def test_centres_are_those_of_the_gradients(name):
    clip, tree = (3, 16, 32, 32), TREES[name]
    at, model = centres(tree, "c", clip), module_of(tree)
    assert at.shape == tuple(model(torch.zeros(1, *clip)).shape[1:])
    middle = tuple(n // 2 for n in at.shape[1:])
    expected = [first + i * step for first, i, step in zip(at.first, middle, at.step, strict=True)]
    assert looked_at(model, clip, middle) == expected


def test_stretching_a_map_would_be_off_by_half_a_cell():
    """The middle of what a cell of the last features depends on: i * 32, where stretching puts it at i * 32 + 15.5."""
    genotype = genotypes.load(content.find("ir-csn-26", "models"))
    model, clip = build(genotype, seed=0).eval(), (3, 8, 112, 112)
    at = centres(network(genotype), "stages.3", clip)
    assert (at.shape, at.first, at.step) == ((512, 1, 4, 4), (0, 0, 0), (8, 32, 32))
    x = torch.rand(1, *clip, requires_grad=True)
    features = model.stages(model.stem(x))
    (gradient,) = torch.autograd.grad(features[0, :, 0, 2, 2].square().sum(), x)
    weight = gradient.square().sum((0, 1, 2, 3)).numpy()
    assert abs(weight @ np.arange(112) / weight.sum() - 64) < 4  # not 79.5


@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_of_all_maps_of_a_network(name):
    genotype = genotypes.load(content.find(name, "models")).model_copy(update={"classes": 3})
    tree, clip = network(genotype), (3, 8, 48, 48)
    model, shapes = build(genotype, seed=0).eval(), {}
    for part, _ in maps(tree):
        model.get_submodule(part).register_forward_hook(lambda _, __, y, part=part: shapes.update({part: y.shape[1:]}))
    with torch.inference_mode():
        model(torch.zeros(1, *clip))
    assert len(shapes) > 40
    shortcuts = [part for part in shapes if part.endswith("shortcut")]
    for part in [*list(shapes)[::7], *shortcuts, "stem", "stages"]:  # some of hundreds: each goes through all before it
        assert centres(tree, part, clip).shape == tuple(shapes[part]), part


def test_what_is_no_map_is_refused():
    tree = network(genotypes.load(content.find("s3d-g", "models")))
    for part in ("head", "head.fc", "stages.1.0.branch0.excitation_whole.gate", "stages.1.5", "", "shortcut"):
        with pytest.raises(NasError, match="no part of the network that gives a feature map; .*Known: "):
            centres(tree, part, (3, 8, 64, 64))
    with pytest.raises(NasError, match="did you mean 'stages.1.0'"):
        centres(tree, "stage.1.0", (3, 8, 64, 64))


def test_a_map_is_spread_over_the_clip():
    cells = np.random.default_rng(0).random((2, 3, 4))
    at = Centres((1, 2, 3, 4), (0.0, 1.0, 0.5), (4.0, 2.0, 2.0))
    clip = spread(cells, at, (3, 8, 7, 8))
    assert clip.shape == (8, 7, 8)
    assert np.allclose(
        clip[::4, 1::2][:, :3].mean(axis=2), spread(cells, at, (3, 8, 7, 8))[[0, 4]][:, [1, 3, 5]].mean(axis=2)
    )
    for t, y, x in np.ndindex(2, 3, 4):
        around = clip[4 * t, 1 + 2 * y, 2 * x : 2 * x + 2]  # the centre lies between two pixels
        others = cells[t, y, max(x - 1, 0) : x + 2]
        assert others.min() - 1e-9 <= around.min() and around.max() <= others.max() + 1e-9
    assert clip.min() >= cells.min() - 1e-9 and clip.max() <= cells.max() + 1e-9  # no peak is made up
    assert (clip[5:] == clip[4]).all() and (clip[:, 0] == clip[:, 1]).all()  # level beyond
    exact = spread(cells, Centres((1, 2, 3, 4)), (3, 2, 3, 4))
    assert np.allclose(exact, cells)
    assert (spread(cells[:1, :1, :1], Centres((1, 1, 1, 1)), (3, 4, 5, 6)) == cells[0, 0, 0]).all()

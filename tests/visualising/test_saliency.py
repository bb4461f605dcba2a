"""Saliency: the classifier's own weights, adding up to the score, and where the only thing to see is."""

import numpy as np
import pytest
import torch

from nas import genotype as genotypes
from nas.build import build
from nas.network import network
from nas.visualising import saliency as tubes

BOTTLENECK = {"kind": "bottleneck", "conv": {"kind": "depthwise"}}
BLOCKS = {
    "bottleneck": BOTTLENECK,
    "squeezed": BOTTLENECK | {"excitation": {"kind": "se", "reduction": 4}},
    "tensor": BOTTLENECK | {"conv": {"kind": "tensor", "dims": 2, "excitation": {"kind": "te", "reduction": 2}}},
    "inception": {"kind": "inception", "channels": [4, 4, 4, 4, 4, 4], "excitation": {"kind": "gating"}},
    "sev": {"kind": "sev", "group_width": 4},
}
HEADS = {"all": "all", "frames": "frames", "window": [2, 2, 2]}
CLIP = torch.rand(1, 3, 8, 32, 32, generator=torch.Generator().manual_seed(0))


def described(block="bottleneck", head="all", **more):
    tree = {
        "input": {"frames": 8, "size": 32},
        "classes": 5,
        "stem": {"width": 16, "stride": [1, 2, 2], "pool": None},
        "stages": [
            {"depth": 1, "width": 16, "block": BLOCKS[block]},
            {"depth": 1, "width": 16, "stride": [2, 2, 2], "block": BLOCKS["bottleneck"]},
        ],
        "head": {"average": HEADS[head]},
    }
    return genotypes.parse(tree | more)


def built(genotype):
    """A network whose classifier is far from zero, and whose norms are those of some training."""
    model = build(genotype, seed=0)
    torch.nn.init.normal_(model.head.fc.weight, generator=torch.Generator().manual_seed(1))
    torch.nn.init.normal_(model.head.fc.bias, generator=torch.Generator().manual_seed(2))
    model(CLIP)
    return model.eval()


@pytest.mark.parametrize("head", HEADS)
def test_channels_weigh_what_the_classifier_says(head):
    model = built(described(head=head))
    features, logits = tubes.through(model, CLIP, "stages.1")
    found = tubes.class_map(features, logits, 3)
    weights = model.head.fc.weight[3].detach()
    assert np.allclose(found, torch.einsum("c,cthw->thw", weights, features[0].detach()).numpy(), atol=1e-5)


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("head", ["all", "frames"])
def test_the_map_adds_up_to_the_score(block, head):
    model = built(described(block, head, stages=[{"depth": 2, "width": 16, "block": BLOCKS[block]}]))
    features, logits = tubes.through(model, CLIP, "stages.0")
    with torch.inference_mode():
        plain = model(CLIP)
    assert torch.allclose(plain, logits, atol=1e-5)
    for target in range(5):
        found = tubes.class_map(*tubes.through(model, CLIP, "stages.0"), target)
        bias = model.head.fc.bias[target].item()
        assert found.mean() + bias == pytest.approx(plain[0, target].item(), rel=1e-4, abs=1e-4)


def test_windows_of_a_map_add_up_to_the_score():
    model = built(described(head="window"))
    features, logits = tubes.through(model, CLIP, "stages.1")
    found = torch.from_numpy(tubes.class_map(features, logits, 2))[None, None]
    score = model.head.pool(found).mean() + model.head.fc.bias[2]
    assert score.item() == pytest.approx(logits[0, 2].item(), rel=1e-4)


def patched(frames=8, size=32):
    """A clip that is black but for a square that moves from corner to corner, and where it is in each frame."""
    clip, places = torch.zeros(1, 3, frames, size, size), []
    for t in range(frames):
        at = 2 + round(t * (size - 12) / (frames - 1))
        clip[0, :, t, at : at + 8, at : at + 8] = 1
        places.append(at + 3.5)
    return clip, places


def bright(genotype):
    """A network whose class 1 is how bright a place is, and whose class 0 is how dark: all weights 1 or -1."""
    model = build(genotype, seed=0).eval()
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Conv3d):
                module.weight.fill_(1 / module.weight[0].numel())
        model.head.fc.weight.fill_(1)
        model.head.fc.weight[0].fill_(-1)
        model.head.fc.bias.zero_()
    return model


@pytest.mark.parametrize("head", HEADS)
def test_saliency_lies_on_the_only_thing_there_is(head):
    flat = {"deflation": {"keep": 0}, "stages": [{"depth": 2, "width": 8, "block": {"kind": "bottleneck"}}]}
    genotype = described(head=head, **flat)
    clip, places = patched()
    found = tubes.saliency(bright(genotype), network(genotype), clip, layer="stages.0", target=1)
    assert found.tube.shape == (8, 32, 32) and found.tube.min() >= 0 and found.tube.max() == 1
    for frame, place in zip(found.tube, places, strict=True):
        rows, columns = frame.sum(axis=1), frame.sum(axis=0)
        for shares in (rows, columns):
            assert abs(shares @ np.arange(32) / shares.sum() - place) < 1  # of a square 8 wide
    assert found.shares.sum() == pytest.approx(1)


@pytest.mark.parametrize("moment", [1, 3, 6])
def test_saliency_lies_in_the_only_frame_there_is(moment):
    genotype = described(stages=[{"depth": 2, "width": 8, "block": {"kind": "bottleneck"}}])
    clip = torch.zeros_like(CLIP)
    clip[:, :, moment, 8:24, 8:24] = 1
    found = tubes.saliency(bright(genotype), network(genotype), clip, layer="stages.0", target=1)
    assert found.shares.argmax() == moment and found.tube.max(axis=(1, 2))[moment] == 1


def test_nothing_speaks_for_a_class_that_everything_speaks_against():
    genotype = described(stages=[{"depth": 1, "width": 8, "block": {"kind": "bottleneck"}}])
    found = tubes.saliency(bright(genotype), network(genotype), patched()[0], layer="stages.0", target=0)
    assert (found.tube == 0).all() and (found.shares == 0).all()


def test_earlier_layers_have_finer_maps():
    genotype = described("tensor")
    model, tree = built(genotype), network(genotype)
    shapes = {}
    for layer in ("stem", "stages.0", "stages.0.0.conv_b", "stages.0.0.conv_b.axis1.spatial.gate", "stages.1.0.norm_c"):
        found = tubes.saliency(model, tree, CLIP, layer=layer)
        shapes[layer] = found.features[1:]
        assert found.tube.shape == (8, 32, 32) and found.tube.max() in (0.0, 1.0)
        assert found.target == int(found.logits.argmax())
    assert shapes["stem"] == shapes["stages.0"] == (8, 16, 16) and shapes["stages.1.0.norm_c"] == (4, 8, 8)


def test_the_network_is_left_as_it_was():
    model = built(described())
    model.stem.requires_grad_(False)
    flags = [parameter.requires_grad for parameter in model.parameters()]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    tubes.saliency(model, network(described()), CLIP, layer="stages.0")
    assert [parameter.requires_grad for parameter in model.parameters()] == flags and not all(flags)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not model.stages[0]._forward_hooks

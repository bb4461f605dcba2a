"""Every file in models/ is a test case by existing: it loads, and holds its exact and its published numbers."""

import pytest

from nas import content, genotype
from nas.cost import cost
from nas.genotype import Clip

MODELS = {path.stem: path for path in content.everything("models")}


@pytest.fixture(params=sorted(MODELS))
def model(request):
    return genotype.load(MODELS[request.param])


def at(model, frames, size):
    return model.model_copy(update={"input": Clip(frames=frames, size=size)})


def test_is_named_after_its_file(model):
    assert model.name in MODELS


def test_costs_are_the_exact_integers(model):
    for exact in model.exact:
        found = cost(at(model, exact.frames, exact.size))
        for field in ("conv_macs", "linear_macs", "weights", "params", "interactions"):
            assert getattr(found, field) == getattr(exact, field), field


def test_published_costs_are_ours_to_the_printed_digit(model):
    for fact in (fact for fact in model.published if fact.gflops):
        classes = 487 if fact.dataset == "Sports1M" else model.classes
        found = cost(at(model, fact.frames, fact.size).model_copy(update={"classes": classes}))
        assert abs(found.macs / 1e9 - fact.gflops) <= 0.0501, fact
        if fact.mparams:  # the paper counts convolution and linear weights alone
            assert abs(found.weights / 1e6 - fact.mparams) <= 0.0501
            assert abs(found.interactions / 1e9 - fact.ginteractions) <= 0.00501


@pytest.mark.parametrize("depth", [26, 50, 101])
def test_ip_csn_preserves_all_interactions(depth):
    ip, dense = (cost(genotype.load(MODELS[f"{kind}-{depth}"])) for kind in ("ip-csn", "resnet3d"))
    assert ip.interactions == dense.interactions


def test_ir_csn_26_has_the_interactions_of_resnet3d_18():
    ir, simple = (cost(genotype.load(MODELS[name])) for name in ("ir-csn-26", "resnet3d-18"))
    assert ir.interactions == simple.interactions == 267_739_328


def test_the_paper_s_names_find_the_files():
    assert content.find("simple-8", "models").stem == "resnet3d-18"
    assert content.find("bottleneck-DG-16", "models").stem == "bottleneck-dg4-16"

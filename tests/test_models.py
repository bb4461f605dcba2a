"""Every file in models/ is a test case by existing: it loads, and holds its exact and its published numbers.

`costs.csv` is the reference table of exact costs, worked out independently of this code.
"""

import csv
import re
from pathlib import Path

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from nas import content, genotype, published
from nas.build import build
from nas.cost import cost
from nas.facts import Exact
from nas.genotype import Clip, Deflation

MODELS = {path.stem: path for path in content.everything("models")}
FIELDS = [name for name in Exact.model_fields if name not in ("frames", "size", "classes")]
REFERENCE = list(csv.DictReader((Path(__file__).parent / "costs.csv").read_text(encoding="utf-8").splitlines()))
# rows of the reference table under another name than their file's
FILES = {
    "simple-8": "resnet3d-18",
    "simple-16": "resnet3d-34",
    "bottleneck-G-16 (G=8)": "bottleneck-g8-16",
    "bottleneck-DG-16 (G=4)": "bottleneck-dg4-16",
    "simple-G-8 (G=4)": "simple-g4-8",
    "ct-module-r50 (K=2)": "ct-module-r50-k2",
    "ct-module-r50 (C2=1)": "ct-module-r50-c2-1",
    "ct-module-r50 (+1 block)": "ct-module-r50-plus1",
    "ct-module-r50 (+6 blocks)": "ct-module-r50-plus6",
    "ct-module-r50 (kernels 1,3)": "ct-module-r50-kernels13",
    "ct-module-r50 (kernels 3,5)": "ct-module-r50-kernels35",
    "ct-module-r50 + pointwise": "ct-module-r50-pointwise",
    "sevnet-g6 R3D blocks": "sevnet-g6-r3d",
    "sevnet-g8 R(2+1)D blocks": "sevnet-g8-r2plus1d",
}


def load(name):
    return genotype.load(MODELS[name])


@pytest.fixture(params=sorted(MODELS))
def model(request):
    return load(request.param)


def at(model, frames, size, classes=None):
    clip = Clip(frames=frames, size=size)
    return model.model_copy(update={"input": clip, "classes": classes or model.classes})


def test_is_named_after_its_file(model):
    assert model.name in MODELS


def test_names_are_given_once():
    names = [name for file in MODELS for name in (file, *load(file).also)]
    assert sorted(set(names)) == sorted(names)


def test_every_name_finds_its_file():
    for file in MODELS:
        for name in (file, *load(file).also):
            assert content.find(name, "models").stem == file, name


def test_costs_are_the_exact_integers(model):
    for exact in model.exact:
        found = cost(at(model, exact.frames, exact.size, exact.classes))
        given = [name for name in FIELDS if getattr(exact, name) is not None]
        assert given
        assert {name: getattr(found, name) for name in given} == {name: getattr(exact, name) for name in given}


def test_published_costs_are_ours_to_the_printed_digit_where_they_are_reproducible(model):
    for fact in model.published:
        compared = list(published.compare(model, fact))
        assert all(one.agrees for one in compared) == fact.reproducible, (fact, list(map(str, compared)))
        assert fact.reproducible or fact.note, fact


def test_published_facts_are_sane(model):
    for fact in model.published:
        assert fact.counted == "macs" or fact.gflops, fact
        assert (fact.top5 or 100) > (fact.top1 or 0) >= 0, fact
        assert fact.gflops is None or (fact.frames and fact.size), "a cost needs its clip"


@pytest.mark.parametrize("row", REFERENCE, ids=lambda row: f"{row['name']}-{row['clip']}-{row['classes']}")
def test_every_row_of_the_reference_table_is_met(row):
    frames, size, _ = map(int, row["clip"].split("x"))
    found = cost(at(load(FILES.get(row["name"], row["name"])), frames, size, int(row["classes"])))
    norms = re.search(r"(\d+) norm elements", row["source"])
    whole = row["linear_macs"] == "(included)"
    wanted = {"macs" if whole else "conv_macs": row["conv_macs"], "linear_macs": "" if whole else row["linear_macs"]}
    wanted |= {name: row[name] for name in ("weights", "params", "interactions")}
    wanted |= {"norm_elements": norms[1] if norms else ""}
    known = {name: int(value) for name, value in wanted.items() if value}
    assert len(known) >= 2
    assert {name: getattr(found, name) for name in known} == known


def test_every_row_of_the_reference_table_stands_in_its_file():
    for row in REFERENCE:
        clip = tuple(map(int, row["clip"].split("x")))[:2]
        model = load(FILES.get(row["name"], row["name"]))
        facts = [(exact.frames, exact.size, exact.classes or model.classes) for exact in model.exact]
        assert (*clip, int(row["classes"])) in facts, row["name"]


@pytest.mark.parametrize(
    ("end", "gmacs"),
    [("top", [36.89, 40.97, 46.86, 66.30, 111.15]), ("bottom", [36.89, 87.53, 102.69, 110.20, 111.15])],
)
def test_which_layers_of_i3d_are_3d_decides_what_it_costs(end, gmacs):
    kept = [load("i3d").model_copy(update={"deflation": Deflation(keep=n, end=end)}) for n in (0, 3, 6, 9, 11)]
    assert [round(cost(one).macs / 1e9, 2) for one in kept] == gmacs
    assert [round(cost(load(f"i3d-{end}{n}")).macs / 1e9, 2) for n in (3, 6)] == gmacs[1:3]


def test_anchors_outside_of_the_papers():
    short = cost(at(load("s3d"), 16, 224))  # torchvision's s3d
    assert (short.params, round(short.macs / 1e9, 2)) == (8_320_048, 17.98)
    assert cost(at(load("i2d"), 64, 224, 1000)).params == 6_624_904  # torchvision's GoogLeNet


@pytest.mark.parametrize("depth", [26, 50, 101])
def test_ip_csn_preserves_all_interactions(depth):
    ip, dense = (cost(load(f"{kind}-{depth}")) for kind in ("ip-csn", "resnet3d"))
    assert ip.interactions == dense.interactions


def test_ir_csn_26_has_the_interactions_of_resnet3d_18():
    ir, simple = (cost(load(name)) for name in ("ir-csn-26", "resnet3d-18"))
    assert ir.interactions == simple.interactions == 267_739_328


def test_torch_counts_the_same(model):
    small = at(model, 4, 48)
    counted = cost(small)
    with torch.device("meta"):
        network, x = build(small).eval(), torch.empty(1, 3, 4, 48, 48)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        assert network(x).shape == (1, model.classes)
    assert counted.macs == counter.get_total_flops() // 2
    assert counted.params == sum(parameter.numel() for parameter in network.parameters())

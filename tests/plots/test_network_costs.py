"""Bars that add up to the exact cost of the network, of each stage and of each block."""

import doctest

import pandas as pd
import pytest

from nas import content, genotype
from nas.cost import cost, stage_costs
from nas.plots import network_costs as module
from nas.plots import style
from nas.plots.network_costs import costs, network_costs
from nas.units import UNITS
from tests.study_frame import made_up, trials

NAMES = ("ir-csn-152", "ct-net-r50", "s3d-g", "sevnet-g8", "i3d-top3", "resnet3d-18")


def model(name):
    return genotype.load(content.find(name, "models"))


def bars(figure):
    return [trace for trace in figure.data if trace.type == "bar"]


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("unit", ["gflops", "mparams", "ginteractions"])
def test_bars_add_up_to_the_exact_costs(name, unit):
    one = model(name)
    figure = costs(one, name, cost=unit)
    parts = [(y, base, x) for trace in bars(figure) for y, base, x in zip(trace.y, trace.base, trace.x, strict=True)]
    assert sum(x for _, _, x in parts) == pytest.approx(UNITS[unit].of(cost(one)), rel=1e-12)
    for stage, counted, _ in stage_costs(one):
        own = sorted((base, x) for y, base, x in parts if y == stage)
        assert sum(x for _, x in own) == pytest.approx(UNITS[unit].of(counted), rel=1e-12)
        ends = [base + x for base, x in own]
        assert [base for base, _ in own][1:] == pytest.approx(ends[:-1])  # one behind the other, without a gap
    assert f"exactly {getattr(cost(one), UNITS[unit].field):,}" in figure.layout.title.subtitle.text.replace(
        "<br>", " "
    )


def test_a_bar_by_hand():
    text = "classes: 10\ninput: {frames: 2, size: 8}\nstem: {width: 4, pool: null}\n"
    text += "stages: [{depth: 2, width: 4, block: {kind: plain, conv: {kind: dense}}}]"
    from nas.genotype import parse
    from nas.strict_yaml import parse as yaml
    from nas.strict_yaml import plain

    figure = costs(parse(plain(yaml(text))), "", cost="mparams")
    three = next(trace for trace in bars(figure) if trace.name == "blocks with 3D layers")
    assert list(three.x) == pytest.approx([(4 * 4 * 27 + 8) / 1e6] * 2)  # weights, and two a channel of the norm
    other = next(trace for trace in bars(figure) if trace.name == "stem, pooling, head")
    assert list(other.x) == pytest.approx([(3 * 4 * 3 * 49 + 8) / 1e6, 50 / 1e6])


def test_blocks_with_3d_layers_are_told_apart_by_colour_and_pattern():
    figure = costs(model("i3d-top3"), "")
    groups = {trace.name: trace for trace in bars(figure)}
    assert list(groups["blocks with 3D layers"].y) == ["stages.7", "stages.8", "stages.9"]
    assert list(groups["2D blocks"].y) == [f"stages.{i}" for i in range(7)]
    looks = {(trace.marker.color, trace.marker.pattern.shape) for trace in groups.values()}
    assert len(looks) == 3


def test_a_trial_of_a_study():
    table = made_up(40)["trials"]
    figure = network_costs(table, trial=6, cost="ginteractions")
    assert figure.layout.title.text == "Ginteractions by stage and block: trial 6"
    assert {number for trace in bars(figure) for number in trace.customdata} == {6}
    assert "channel interactions" in figure.layout.xaxis.title.text
    flops = network_costs(table)
    assert "multiply-accumulates, one clip of 8x64x64" in flops.layout.xaxis.title.text


def test_sums_stand_behind_the_bars():
    figure = costs(model("ir-csn-50"), "")
    sums = figure.data[-1]
    stages = stage_costs(model("ir-csn-50"))
    assert [text.split()[0] for text in sums.text] == [style.number(one.macs / 1e9) for _, one, _ in stages]


@pytest.mark.parametrize("table", [pd.DataFrame(), trials(0), trials(), trials().assign(accuracy=float("nan"))])
def test_strange_tables(table):
    for cost_name in ("gflops", "mparams", "ginteractions"):
        assert network_costs(table, cost=cost_name).layout.annotations


def test_titles_are_escaped():
    assert "&lt;b&gt;" in costs(model("ir-csn-26"), "<b>").layout.title.text

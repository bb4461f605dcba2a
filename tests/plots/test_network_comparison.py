"""Two networks beside one another: equal stages, different ones, lines that differ, costs."""

import doctest
import re

import pandas as pd
import pytest

from nas import content, genotype
from nas.plots import network_comparison as module
from nas.plots.network_comparison import CHANGED, Side, comparison, network_comparison
from tests.study_frame import made_up, trials


def side(name, **more):
    return Side(name, genotype.load(content.find(name, "models")), **more)


def cells(figure):
    return list(zip(figure.data[0].marker.color, figure.data[-1].text, strict=True))


def plain(text):
    return text.replace("<br>", " ").replace("<b>", "").replace("</b>", "").replace("\xa0", " ")


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_only_what_differs_is_marked():
    figure = comparison(side("ct-net-r50"), side("tsn-r50"))
    marked = [plain(text).split()[1] for colour, text in cells(figure) if colour == CHANGED]
    assert marked == [f"stages.{i}" for i in range(4) for _ in range(2)]
    first, second = (text for colour, text in cells(figure) if "≠ stages.0" in text)
    assert "≠ 1 × bottleneck ×4 · tensor 3×3×3, 64 = 8·8" in plain(first)
    assert "1 × bottleneck ×4 · dense" in plain(first)
    assert "≠ 2 × bottleneck ×4 · dense 1×3×3 · width 64" in plain(second) and "tensor" not in plain(second)
    assert all(text.startswith("<b>= ") for colour, text in cells(figure)[2:] if colour != CHANGED)
    assert "4 of 6 parts differ (≠): stages.0, stages.1, stages.2, stages.3" in figure.layout.title.subtitle.text


def test_a_square_for_each_block():
    figure = comparison(side("ir-csn-152"), side("ir-csn-50"))
    squares = next(trace for trace in figure.data if trace.name == "blocks with 3D layers")
    assert len(squares.x) == 50 + 16
    assert "<b>stages.2.35</b>" in squares.hovertext[3 + 3 + 8 + 4 + 35]
    assert max(left + width for left, width in zip(squares.base, squares.x, strict=True)) <= 1


def test_a_stage_that_only_one_has():
    figure = comparison(side("i3d"), side("ir-csn-50"))
    texts = [text for _, text in cells(figure)]
    assert texts.count("<b>≠ stages.9</b><br>none") == 1 and sum("head" in text for text in texts) == 2


def test_costs_of_both_and_how_they_differ():
    first, second = (plain(text) for _, text in cells(comparison(side("ir-csn-50"), side("ip-csn-50")))[:2])
    assert "10.6 GFLOPs 5.42 Ginteractions 13.1 Mparams" in first
    assert "11.9 GFLOPs (+13%) 5.68 Ginteractions (+5%) 14.4 Mparams (+10%)" in second


def test_the_same_network_twice():
    figure = comparison(side("ir-csn-50"), side("ir-csn-50"))
    assert figure.layout.title.subtitle.text.startswith("The same network twice")
    assert CHANGED not in figure.data[0].marker.color


def test_two_trials_of_a_study():
    table = made_up(40)["trials"]
    figure = network_comparison(table, first=1, second=6)
    assert figure.layout.title.text == "Trial 1 and trial 6"
    told = [plain(text) for _, text in cells(figure)[:2]]
    for number, text in zip((1, 6), told, strict=True):
        assert f"top-1 accuracy {100 * table['accuracy'][number]:.1f} %" in text
    assert {n for trace in figure.data if trace.customdata is not None for n in trace.customdata} == {1, 6}
    assert "the knee of the front" in network_comparison(table).layout.title.text


def test_the_knees_of_two_studies():
    one, other = (made_up(40, seed)["trials"].assign(study=f"s{seed}") for seed in range(2))
    table = pd.concat([one, other], ignore_index=True)
    table.attrs = {"each": {"s0": one.attrs | {"study": "s0"}, "s1": other.attrs | {"study": "s1"}}}
    told = network_comparison(table).layout.title.text
    assert re.fullmatch(r"s0: trial \d+, the knee of the front and s1: trial \d+, the knee of the front", told)
    assert "s1: trial 3" in network_comparison(table, first=1, second=3).layout.title.text
    drawn = network_comparison(table).data
    assert all(trace.customdata is None for trace in drawn), "numbers of trials are unique in a study alone"


@pytest.mark.parametrize("table", [pd.DataFrame(), trials(0), trials(), made_up(5)["trials"].assign(state="failed")])
def test_strange_tables(table):
    assert network_comparison(table).layout.annotations[0].text


def test_names_are_escaped():
    written = comparison(side("ir-csn-26", more=("<b>x",)), Side("<script>", side("ip-csn-26").network))
    assert "<script>" not in written.to_json(engine="json").replace("\\u003c", "<")
    assert "&lt;b&gt;x" in written.data[-1].text[0]

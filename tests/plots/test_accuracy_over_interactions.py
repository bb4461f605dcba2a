"""Accuracy over interactions: symbols a block type, always a log axis."""

import pandas as pd

from nas.plots.accuracy_over_interactions import accuracy_over_interactions
from tests.study_frame import references, trials


def test_each_block_type_has_its_symbol():
    figure = accuracy_over_interactions(trials())
    symbols = {trace.name: trace.marker.symbol for trace in figure.data if trace.name in ("ir", "ip")}
    assert len(set(symbols.values())) == 2
    for trace in (trace for trace in figure.data if trace.customdata is not None and len(trace.customdata)):
        blocks = {trials()["decision.block"][number] for number in trace.customdata}
        assert {symbols[block] for block in blocks} == {trace.marker.symbol}


def test_the_axis_is_logarithmic_with_its_unit():
    layout = accuracy_over_interactions(trials(), references()).layout
    assert layout.xaxis.type == "log"
    assert layout.xaxis.title.text == "Ginteractions<br>(10⁹ channel interactions)"
    assert layout.coloraxis.colorbar.title.text == "GFLOPs (10⁹ multiply-accumulates)"


def test_networks_without_interactions_are_counted():
    frame = trials()
    frame.loc[2, "ginteractions"] = 0.0
    figure = accuracy_over_interactions(frame)
    drawn = [int(n) for trace in figure.data if trace.customdata is not None for n in trace.customdata]
    assert sorted(drawn) == [0, 1]
    assert "Without any interaction, not drawn: 1." in figure.layout.title.subtitle.text.replace("<br>", " ")


def test_networks_known_by_their_printed_gflops_alone_are_not_drawn():
    printed = references()[:1].assign(name="SlowFast", gflops=213.0, ginteractions=None, printed=True)
    figure = accuracy_over_interactions(trials(), pd.concat([references(), printed]))
    assert not any("SlowFast" in str(trace.hovertext) for trace in figure.data)
    assert not any("as printed" in str(trace.name) for trace in figure.data)


def test_more_block_types_than_symbols():
    frame = pd.concat([trials()[:1]] * 12, ignore_index=True)
    frame["decision.block"] = [f"kind{i}" for i in range(12)]
    assert {f"kind{i}" for i in range(12)} <= {trace.name for trace in accuracy_over_interactions(frame).data}


def test_empty_states():
    assert accuracy_over_interactions(pd.DataFrame()).layout.annotations[0].text == "no trial yet"
    assert accuracy_over_interactions(trials()[3:4]).layout.annotations[0].text == "the only trial failed"

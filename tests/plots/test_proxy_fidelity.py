"""Full training over the proxy: each network once, told apart by the fronts it is on."""

import pandas as pd
import pytest

from nas.fidelity import fidelity
from nas.plots import style
from nas.plots.proxy_fidelity import proxy_fidelity


def pairs():
    # on both fronts, picked alone, missed, on neither
    frame = pd.DataFrame({"trial": [3, 5, 8, 9], "gflops": [1.0, 4.0, 3.0, 20.0]})
    frame = frame.assign(proxy=[0.3, 0.5, 0.2, 0.4], full=[0.4, 0.6, 0.7, 0.5])
    frame.attrs = {"dataset": "motion", "proxy": "width x0.25, 8 epochs", "clip": "one 8x224x224 clip"}
    return frame


def test_networks_are_grouped_by_the_fronts_they_are_on():
    figure = proxy_fidelity(pairs(), fidelity(pairs()))
    marks = {int(t.customdata[0]): (t.marker.symbol, t.marker.line.color) for t in figure.data if t.customdata}
    assert marks == {
        3: ("circle", style.ACCENT),
        8: ("triangle-up", style.ACCENT),
        5: ("square", style.INK),
        9: ("circle", style.INK),
    }
    names = {trace.name for trace in figure.data if trace.showlegend is not False}
    assert "front of full training, missed by the proxy" in names and "on neither front" in names


def test_places_colours_and_units():
    figure = proxy_fidelity(pairs(), fidelity(pairs()))
    missed = next(trace for trace in figure.data if trace.customdata and trace.customdata[0] == 8)
    assert (missed.x[0], missed.y[0]) == (0.2, 0.7)
    assert missed.marker.color[0] == pytest.approx(0.4771, abs=1e-4)
    layout = figure.layout
    assert layout.coloraxis.colorbar.title.text == "GFLOPs (10⁹ multiply-accumulates, one 8x224x224 clip)"
    assert layout.xaxis.title.text == "top-1 accuracy by the proxy" and layout.yaxis.tickformat == "~%"
    for part in ("Data set motion", "4 networks trained in full", "Front regret"):
        assert part in layout.title.subtitle.text.replace("<br>", " ")


def test_networks_that_were_not_trained_in_full_are_not_drawn():
    frame = pairs()
    frame.loc[3, "full"] = None
    figure = proxy_fidelity(frame, fidelity(frame))
    assert sorted(int(n) for trace in figure.data if trace.customdata for n in trace.customdata) == [3, 5, 8]


def test_facts_are_escaped():
    frame = pairs()
    frame.attrs = {"dataset": "<script>", "clip": "<b>8", "proxy": "<u>"}
    plain = proxy_fidelity(frame, fidelity(frame)).to_json(engine="json").replace("\\u003c", "<")
    assert not any(text in plain for text in ("<script>", "<b>8", "<u>"))


def test_no_pair_yet():
    none = pairs()[:0]
    figure = proxy_fidelity(none, fidelity(none))
    assert figure.layout.annotations[0].text == "no network trained in full yet"

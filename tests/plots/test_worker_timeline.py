"""A bar a trial from start to end, in the row of its worker, in the colour of its state."""

import doctest

import numpy as np
import pandas as pd
import pytest

from nas.plots import worker_timeline as module
from nas.plots.worker_timeline import worker_timeline
from tests.study_frame import made_up, trials

START = pd.Timestamp("2026-01-01 10:00", tz="UTC")


def table(**columns):
    rows = pd.DataFrame({"number": [0, 1, 2], "state": ["complete", "stopped", "running"]})
    rows["started"] = [START, START + pd.Timedelta("1min"), START + pd.Timedelta("2min")]
    rows["ended"] = pd.Series([START + pd.Timedelta("4min"), START + pd.Timedelta("2min"), pd.NaT])
    return rows.assign(worker=["gpu 10", "gpu 2", "gpu 2"], **columns)


def bars(figure):
    return {
        int(data[0]): (row, base, length)
        for trace in figure.data if trace.type == "bar"
        for data, row, base, length in zip(trace.customdata, trace.y, trace.base, trace.x, strict=True)
    }  # fmt: skip


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_bars_stand_where_their_trials_ran():
    figure, zero = worker_timeline(table()), START.timestamp() * 1000
    assert bars(figure) == {
        0: (1, zero, 240_000),
        1: (0, zero + 60_000, 60_000),
        2: (0, zero + 120_000, 120_000),  # runs still: to the last time known
    }
    assert list(figure.layout.yaxis.ticktext) == ["gpu 2", "gpu 10"] and figure.layout.xaxis.type == "date"
    assert [trace.name for trace in figure.data] == ["complete (1)", "stopped (1)", "running (1)"]
    assert len({trace.marker.color for trace in figure.data}) == 3
    said = figure.layout.title.subtitle.text
    assert "2 workers over 4.00 minutes" in said and "busy 88% of the time" in said  # 7 of 8 minutes


def test_an_end_that_is_missing_is_told_by_the_seconds():
    rows = table(seconds=[30.0, 30.0, 30.0])
    rows["ended"] = pd.NaT
    lengths = {number: length for number, (_, _, length) in bars(worker_timeline(rows)).items()}
    assert (lengths[0], lengths[1]) == (30_000, 30_000) and lengths[2] < 1000


def test_without_workers_all_are_in_one_row():
    figure = worker_timeline(table().drop(columns="worker"))
    assert list(figure.layout.yaxis.ticktext) == ["all trials"] and {row for row, _, _ in bars(figure).values()} == {0}
    unknown = worker_timeline(table().assign(worker=["gpu 1", None, ""]))
    assert list(unknown.layout.yaxis.ticktext) == ["gpu 1", "worker unknown"]


def test_trials_without_a_start_are_counted():
    rows = table()
    rows.loc[0, "started"] = pd.NaT
    figure = worker_timeline(rows)
    said = figure.layout.title.subtitle.text.replace("<br>", " ")
    assert set(bars(figure)) == {1, 2} and "1 without a start are not drawn" in said


def test_a_clock_that_went_back_draws_no_bar_to_the_left():
    rows = table()
    rows.loc[1, "ended"] = START
    assert all(length >= 0 for _, _, length in bars(worker_timeline(rows)).values())


def test_ten_thousand_bars_are_light():
    figure = worker_timeline(made_up(10_000)["trials"])
    assert sum(len(trace.x) for trace in figure.data) == 10_000 and len(figure.data) == 4
    assert len(figure.to_json()) < 700_000
    assert not any(trace.hovertext is not None or trace.text is not None for trace in figure.data)


def test_many_workers_with_long_names():
    rows = made_up(200)["trials"]
    rows["worker"] = [f"<b>{'host' * 80} {n}" for n in range(200)]
    figure = worker_timeline(rows)
    assert figure.layout.height <= 900 and len(figure.layout.yaxis.ticktext) <= 30
    assert all(len(name) < 40 and "<b>" not in name for name in figure.layout.yaxis.ticktext)


@pytest.mark.parametrize(
    ("rows", "says"), [(pd.DataFrame(), "no trial yet"), (trials(), "no trial has a start on record")]
)
def test_nothing_to_draw_is_said(rows, says):
    assert worker_timeline(rows).layout.annotations[0].text == says


def test_times_as_texts_and_without_a_zone_are_read_as_utc():
    rows = table()
    plain = rows.assign(started=rows["started"].dt.tz_localize(None), ended=rows["ended"].astype(str))
    assert bars(worker_timeline(plain)) == bars(worker_timeline(rows))
    assert np.isfinite([base for _, base, _ in bars(worker_timeline(plain)).values()]).all()

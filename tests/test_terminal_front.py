"""The front in letters."""

from nas.cost import Cost
from nas.terminal_front import HEIGHT, WIDTH, drawing
from nas.trial import Trial


def trial(number, gflops, accuracy, state="complete"):
    return Trial(number, state, {}, "", str(number), Cost(int(gflops * 1e9)), outcome={"accuracy": accuracy})


def test_marks_stand_where_trials_are():
    text = drawing([trial(0, 1, 0.2), trial(1, 2, 0.1), trial(2, 4, 0.6), trial(3, 3, 0.9, "failed")], {0, 2})
    rows = [line.split("┤" if "┤" in line else "│", 1)[1] for line in text.splitlines() if line[5:6] in "┤│"]
    assert "".join(rows).count("o") == 2 and "".join(rows).count(".") == 1
    assert "o" in rows[0] and rows[0].rstrip("│ ").endswith("o"), "the best and most costly one is at the top right"
    assert "." in rows[-1] and rows[-1].index(".") > rows[-2 if "o" in rows[-2] else -3].find("o")
    assert text.splitlines()[-1].strip() == "GFLOPs"


def test_costs_that_span_a_decade_are_on_a_log_axis():
    text = drawing([trial(number, 2.0**number, 0.1 * number) for number in range(6)], {5})
    assert "GFLOPs, log" in text
    inside = [line for line in text.splitlines() if line.endswith("│")]
    marks = [line for line in inside if "." in line[6:] or "o" in line[6:]]
    places = sorted(line[6:].find("o" if "o" in line[6:] else ".") for line in marks)
    steps = [b - a for a, b in zip(places, places[1:], strict=False)]
    assert max(steps) - min(steps) <= 1, "powers of two are equally far apart"


def test_it_fits_the_terminal():
    trials = [trial(0, 1, 0.2), trial(1, 2, 0.4)]
    for width in (40, WIDTH, 200):
        lines = drawing(trials, {0, 1}, width=width).splitlines()
        assert max(map(len, lines)) <= min(width, WIDTH) and len(lines) <= HEIGHT


def test_one_trial_is_no_picture():
    assert drawing([trial(0, 1, 0.5)], {0}) == drawing([], set()) == ""

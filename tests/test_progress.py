"""What a running search looks like: the live picture with several workers, and plain lines without a terminal."""

import io
from dataclasses import replace
from random import Random

import pytest
from rich.console import Console

from nas import fronts, progress, space
from nas import genotype as genotypes
from nas.cost import cost
from nas.network import key
from nas.progress import SearchReporter
from nas.trial import Trial
from tests.spaces import TINY

OBJECTIVES = ("accuracy", "mparams")
EPOCHS = 4


@pytest.fixture(scope="module")
def found():
    return space.parse(TINY)


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when a test says so."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def trial(found, number, **more):
    """A trial that is about to be trained."""
    record = found.draw(Random(number))
    described = found.genotype(record)
    known = {"genotype": genotypes.to_yaml(described), "key": key(described), "cost": cost(described)}
    return Trial(**{"number": number, "state": "running", "record": record, **known, **more})


def ended(one, *accuracies, seconds=60.0, **more):
    """The same trial with its result."""
    curve = [{"epoch": epoch, "val_accuracy": accuracy} for epoch, accuracy in enumerate(accuracies, 1)]
    state = "complete" if len(accuracies) == EPOCHS else "stopped"
    return replace(one, state=state, outcome={"accuracy": accuracies[-1], "seconds": seconds, "curve": curve, **more})


def shown(reporter, width=80):
    """The lines of the picture as a terminal of this width has them."""
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=True, color_system=None).print(reporter._picture())
    return [line.rstrip() for line in out.getvalue().splitlines()]


def reporter_of(width=80, height=40, terminal=False, workers=1, trials=6):
    out = io.StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=terminal, color_system=None)
    reporter = SearchReporter(console, "studies/tiny", OBJECTIVES, trials, EPOCHS)
    reporter.workers = workers
    return reporter, out


def test_several_running_trials_are_drawn_each_with_its_bar(found, clock):
    reporter, _ = reporter_of(workers=3)
    known = [trial(found, number) for number in range(3)]
    for number, one in enumerate(known):
        reporter.started(one, known[: number + 1])
    clock[0] += 10
    reporter.step(0, 50, 100)
    reporter.epoch(0, {"epoch": 1, "val_accuracy": 0.25})
    reporter.epoch(0, {"epoch": 2, "val_accuracy": 0.375})
    reporter.step(2, 100, 100)
    lines = shown(reporter)
    assert lines[0] == "studies/tiny: 0 of 6 trials, time left unknown"
    bars = [line for line in lines if "epoch" in line]
    assert bars == [
        f"  {'━' * 15}{'╌' * 15} epoch 3 of 4, accuracy 0.375",
        f"  {'╌' * 30} epoch 1 of 4",
        f"  {'━' * 30} epoch 1 of 4",
    ]
    assert [line.split(":")[0] for line in lines if line.startswith("trial")] == ["trial 0", "trial 1", "trial 2"]
    assert all(len(line) <= 80 for line in lines)


def test_the_time_left_is_that_of_all_workers_together(found, clock):
    """By hand: two ended after 60 s; one running is at half after 10 s (10 s left), one at its start (60 s), two wait
    (120 s): 190 s of work for two workers.
    """
    reporter, _ = reporter_of(workers=2)
    known = [trial(found, number) for number in range(4)]
    for one in known[:2]:
        reporter.started(one, known[:2])
    clock[0] += 60
    known[:2] = [ended(known[0], 0.1, 0.2, 0.3, 0.4), ended(known[1], 0.1)]
    for one in known[:2]:
        reporter.ended(one, known[:2])
    for one in known[2:]:
        reporter.started(one, known)
    clock[0] += 10
    reporter.step(2, 50, 100)
    assert shown(reporter)[0] == "studies/tiny: 2 of 6 trials, about 1 min 35 s left"


def test_the_picture_ends_with_the_front(found, clock):
    reporter, _ = reporter_of(workers=2)
    known = [ended(trial(found, number), *[0.1 * number] * EPOCHS) for number in range(1, 3)]
    known.append(trial(found, 7))
    reporter.started(known[-1], known)
    lines = shown(reporter)
    title = next(number for number, line in enumerate(lines) if line.startswith("front so far ("))
    assert title > 2 and "accuracy" in lines[title + 1]
    assert all(len(line) <= 80 for line in lines)


@pytest.mark.parametrize(("height", "rows"), [(60, 8), (24, 8), (18, 5), (12, 2)])
def test_of_many_that_train_as_many_are_drawn_as_fit(found, clock, height, rows):
    reporter, _ = reporter_of(workers=200, height=height)
    known = [ended(trial(found, 0), 0.1, 0.2, 0.3, 0.4)] + [trial(found, number) for number in range(1, 201)]
    for one in known[1:]:
        reporter.started(one, known)
    lines = shown(reporter)
    drawn = [line.split(":")[0] for line in lines if line.startswith("trial ") and ":" in line]
    assert drawn == [f"trial {number}" for number in range(1, rows + 1)]
    assert f"and {200 - rows} more in training" in lines and any(line.startswith("front so far (1)") for line in lines)
    assert len(lines) <= height


def test_the_front_is_that_of_all_trials_as_they_end(found):
    reporter, _ = reporter_of()
    known, rng = [], Random(0)
    for number in range(40):
        known.append(ended(trial(found, number), *[rng.random()] * (EPOCHS if number % 3 else 2)))
        reporter.known = list(known)
        assert reporter._front() == fronts.front(known, OBJECTIVES)


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_no_line_is_wider_than_the_terminal(found, clock, width):
    reporter, _ = reporter_of(width=width, workers=4)
    known = [ended(trial(found, 0), 0.1, 0.2, 0.3, 0.4)] + [trial(found, number) for number in range(1, 5)]
    for one in known[1:]:
        reporter.started(one, known)
        reporter.epoch(one.number, {"epoch": 1, "val_accuracy": 0.5})
    assert all(len(line) <= width for line in shown(reporter, width))


def test_without_a_terminal_a_line_a_beginning_and_an_end(found, clock):
    """Lines of several trials mix, so each says whose it is; steps and epochs say nothing."""
    reporter, out = reporter_of(width=300, workers=2, trials=3)
    known = [trial(found, 0, attempts=2), trial(found, 1, dropped={"repeated": 3, "over_budget": 1})]
    with reporter.shown():
        reporter.started(known[0], known[:1])
        reporter.started(known[1], known)
        for step in range(1, 5):
            reporter.step(0, step, 4)
            reporter.epoch(0, {"epoch": step, "val_accuracy": step / 10})
        reporter.epoch(1, {"epoch": 1, "val_accuracy": 0.05})
        clock[0] += 30
        known[1] = ended(known[1], 0.05, seconds=30.0)
        reporter.ended(known[1], list(known))
        clock[0] += 30
        known[0] = ended(known[0], 0.1, 0.2, 0.3, 0.4, val_clips=100, wait_share=0.5, wait_cause="a slow disk")
        reporter.ended(known[0], list(known))
        failed = replace(trial(found, 2), state="failed", outcome={"reason": "its worker was killed by SIGKILL"})
        reporter.ended(failed, [*known, failed])  # given up without another start
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("trial 0 of 3: ") and lines[0].endswith("Mparams) (attempt 2)")
    assert lines[1].startswith("trial 1 of 3: ") and "GFLOPs" in lines[1] and "attempt" not in lines[1]
    assert lines[2:] == [
        "trial 1 of 3: stopped after 1 epoch of 4 at accuracy 0.050, 30 s; 4 proposals dropped before it; "
        "about 15 s left",
        "trial 0 of 3: accuracy 0.400 ±0.049 in 1 min 0 s, on the front of 1; "
        "50% of the time spent waiting for data (a slow disk); about 22 s left",
        "trial 2 of 3: failed: its worker was killed by SIGKILL",
    ]


def test_in_a_terminal_results_stand_above_the_picture(found):
    reporter, out = reporter_of(terminal=True, workers=2)
    known = [trial(found, 0), trial(found, 1)]
    with reporter.shown():
        for one in known:
            reporter.started(one, known)
        for epoch in range(1, EPOCHS + 1):
            reporter.epoch(0, {"epoch": epoch, "val_accuracy": epoch / 10})
        known[0] = ended(known[0], 0.1, 0.2, 0.3, 0.4)
        reporter.ended(known[0], known)
        assert list(reporter.running) == [1]
    told = " ".join(out.getvalue().split())
    assert "trial 0 of 6: accuracy 0.400 in 1 min 0 s, on the front of 1; " in told
    assert "trial 0 of 6: stopped" not in told

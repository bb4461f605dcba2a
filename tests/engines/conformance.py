"""What every engine that trains must do; a new one's test inherits `EngineCase` and makes it.

Training is `train`, which other processes can import; a job's seed says what happens in it.
"""

import pytest

from nas.engines.engine import Job
from nas.errors import NasError
from nas.tally import Diverged

GENOTYPE = """
input: {frames: 4, size: 32}
classes: 5
stem: {width: 8}
stages: [{depth: 1, width: 8, block: {kind: simple}}]
"""
EPOCHS = 3
DIVERGES, BREAKS = 101, 102  # seeds of trainings that fail


def train(genotype, *, seed, on_epoch, on_step, device="cpu"):
    """Three epochs whose accuracies follow from the seed; ends after the one at which it is told to."""
    assert genotype.classes == 5
    if seed == DIVERGES:
        raise Diverged("the loss is nan", where="epoch 1")
    if seed == BREAKS:
        raise RuntimeError("odd shape")
    curve = []
    for epoch in range(1, EPOCHS + 1):
        on_step(epoch, EPOCHS)
        curve.append({"epoch": epoch, "val_accuracy": seed / 100 + epoch / 1000})
        outcome = {"accuracy": curve[-1]["val_accuracy"], "seed": seed, "seconds": 0.1, "curve": list(curve)}
        if on_epoch(outcome) is False:
            break
    return outcome


def accuracies(seed, epochs=EPOCHS):
    """What a training under this seed tells, epoch by epoch."""
    return [seed / 100 + epoch / 1000 for epoch in range(1, epochs + 1)]


class Told:
    """A driver that hands out one job a seed, takes everything down, and stops the trainings in `stops`."""

    def __init__(self, seeds, stops=()):
        self.jobs = [Job(number, GENOTYPE, seed) for number, seed in enumerate(seeds)]
        self.waiting, self.stops = list(self.jobs), dict(stops)  # number: epoch
        self.epochs = {job.number: [] for job in self.jobs}
        self.outcomes, self.reasons, self.deaths, self.running, self.most = {}, {}, {}, set(), 0

    def next(self):
        if not self.waiting:
            return None
        job = self.waiting.pop(0)
        self.running.add(job.number)
        self.most = max(self.most, len(self.running))
        return job

    def step(self, number, done, total):
        assert number in self.running and 1 <= done <= total == EPOCHS

    def epoch(self, number, row):
        assert number in self.running
        self.epochs[number].append(row["val_accuracy"])
        return self.stops.get(number) != row["epoch"]

    def ended(self, number, outcome):
        self.running.remove(number)
        self.outcomes[number] = outcome

    def failed(self, number, reason):
        self.running.remove(number)
        self.reasons[number] = reason

    def note(self, text):
        self.notes = [*getattr(self, "notes", []), text]

    def died(self, number, reason, *, begun=True):
        assert begun
        self.running.remove(number)
        self.deaths[number] = reason


class Broken(Told):
    """A driver whose store gives way at `place`: next, step, epoch, ended or failed."""

    def __init__(self, place, seed):
        super().__init__([seed])

        def breaks(*told):
            raise NasError(f"the store broke at {place}")

        setattr(self, place, breaks)


class EngineCase:
    def make(self, evaluate):
        """The engine, with the training function that it is to run."""
        raise NotImplementedError

    @pytest.fixture(scope="class")
    @classmethod
    def told(cls):
        """What the driver hears of nine jobs, of which two fail and two are stopped."""
        driver = Told([1, 2, DIVERGES, 3, 4, BREAKS, 5, 6, 7], stops={1: 2, 4: 1})
        cls().make(train).run(driver)
        return driver

    def test_runs_every_job_once_to_its_end(self, told):
        assert not told.waiting and not told.running
        assert sorted([*told.outcomes, *told.reasons]) == [job.number for job in told.jobs]

    def test_tells_epochs_in_order(self, told):
        for number in (0, 3, 6, 7, 8):
            seed = told.jobs[number].seed
            assert told.epochs[number] == accuracies(seed)
            assert told.outcomes[number]["seed"] == seed
            assert [row["val_accuracy"] for row in told.outcomes[number]["curve"]] == accuracies(seed)

    def test_a_false_answer_ends_the_training_there(self, told):
        assert told.epochs[1] == accuracies(2, epochs=2) and told.epochs[4] == accuracies(4, epochs=1)
        assert told.outcomes[1]["accuracy"] == accuracies(2)[1] and len(told.outcomes[4]["curve"]) == 1

    def test_failures_are_told_in_words(self, told):
        assert told.reasons[2] == "epoch 1: the loss is nan"
        assert told.reasons[5].startswith("RuntimeError: odd shape (train, line ")

    @pytest.mark.parametrize("place", ["next", "epoch"])
    def test_what_the_driver_raises_passes_through(self, place):
        """It is no failure of the network in training."""
        driver = Broken(place, seed=1)
        with pytest.raises(NasError, match=f"^the store broke at {place}$"):
            self.make(train).run(driver)
        assert not driver.outcomes and not driver.reasons

"""Training in this process."""

import pytest

from nas.engines.here import Here
from nas.errors import NasError
from tests.engines.conformance import DIVERGES, Broken, EngineCase, Told, train


class TestHere(EngineCase):
    def make(self, evaluate):
        return Here(evaluate)


@pytest.mark.parametrize(("place", "seed"), [("step", 1), ("ended", 1), ("failed", DIVERGES)])
def test_what_the_driver_raises_passes_through_from_anywhere(place, seed):
    with pytest.raises(NasError, match=f"^the store broke at {place}$"):
        Here(train).run(Broken(place, seed))


def test_the_cause_of_what_the_driver_raises_is_kept():
    """The command line tells the database's own words, which are the cause of Optuna's."""

    class Full(Told):
        def epoch(self, number, row):
            raise RuntimeError("not written") from OSError("the disk is full")

    with pytest.raises(RuntimeError, match="not written") as raised:
        Here(train).run(Full([1]))
    assert str(raised.value.__cause__) == "the disk is full"


def test_an_interrupt_passes_through():
    def interrupted(genotype, **more):
        raise KeyboardInterrupt

    driver = Told([1, 2])
    with pytest.raises(KeyboardInterrupt):
        Here(interrupted).run(driver)
    assert driver.running == {0} and len(driver.waiting) == 1


def test_one_after_the_other():
    driver = Told(range(4))
    Here(train).run(driver)
    assert driver.most == 1

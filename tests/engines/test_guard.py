"""What a training may take."""

import pytest

from nas.engines.guard import Guard, TooMuch


def test_nothing_is_watched_without_limits():
    def told(done, total):
        return None

    assert not Guard().overdue(1e9) and Guard().watching(told) is told
    assert Guard(seconds=5).overdue(5.1) and not Guard(seconds=5).overdue(4.9)


def test_memory_is_looked_at_before_a_step_is_told():
    steps = []
    Guard(memory=1000).watching(lambda done, total: steps.append((done, total)))(1, 2)
    assert steps == [(1, 2)]
    with pytest.raises(TooMuch, match=r"^took \d+\.\d\d GiB of memory, more than the 0.001 of guard.memory"):
        Guard(memory=0.001).watching(lambda done, total: steps.append(done))(2, 2)
    assert steps == [(1, 2)]

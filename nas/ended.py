"""Which trials of a growing list have ended since one last asked."""

from __future__ import annotations

from collections.abc import Sequence

from nas.trial import Trial


class Ended:
    """All before the first trial that runs are not looked at again: of thousands, each look takes milliseconds.

    >>> one, two = (Trial(n, state, {}, "", "", None) for n, state in enumerate(("running", "complete")))
    >>> ended = Ended()
    >>> [trial.number for trial in ended.new([one, two])], [trial.number for trial in ended.new([one, two])], len(ended)
    ([1], [], 1)
    """

    def __init__(self):
        self.first = 0  # all before it have ended
        self.later: set[int] = set()  # those that have, of the others

    def new(self, trials: Sequence[Trial]) -> list[Trial]:
        """Those that ended since the last call, of all trials by number."""
        found = [trial for trial in trials[self.first :] if trial.state != "running" and trial.number not in self.later]
        self.later.update(trial.number for trial in found)
        while self.first in self.later:
            self.later.remove(self.first)
            self.first += 1
        return found

    def __len__(self) -> int:
        return self.first + len(self.later)

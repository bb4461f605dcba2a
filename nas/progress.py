"""What a running search looks like: a live picture in a terminal, plain lines anywhere else."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from itertools import islice

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from nas import fronts
from nas.console import count, digits, duration, say
from nas.data_settings import METRICS
from nas.ended import Ended
from nas.trial import Trial
from nas.units import brief

ROWS, TRAINING = 8, 8  # of the front, and trials in training, in the live picture at most
EARLY = 0.05  # share of a trial's steps before which its pace says nothing
BETWEEN_PICTURES = 0.25  # seconds
SHARE = 0.05  # of the driver's time that pictures may take: of 200 workers there is news every few milliseconds


class SearchReporter:
    """Shows a search; the driver calls it, it never calls back."""

    def __init__(self, console: Console, name: str, objectives: tuple[str, ...], trials: int, epochs: int):
        self.console, self.name, self.objectives = console, name, objectives
        self.trials, self.epochs = trials, epochs
        self.workers = 1  # as many as were seen to train at once
        self.known: list[Trial] = []
        self.running: dict[int, _Running] = {}
        self.took: list[float] = []  # seconds of the trials that ended in this search
        self.live: Live | None = None
        self.drawn, self.drawing = 0.0, 0.0  # when the last picture was drawn, and the seconds that this took
        self.over = Ended()
        self.best: list[Trial] = []  # the front of those that are over

    @contextmanager
    def shown(self):
        """Within it, the live picture stands at the bottom of the terminal."""
        if not self.console.is_terminal:
            yield self
            return
        with Live(self._picture(), console=self.console, refresh_per_second=4, transient=True) as self.live:
            yield self

    def started(self, trial: Trial, trials: list[Trial]) -> None:
        """A trial begins."""
        self.known, self.running[trial.number] = trials, _Running(trial)
        self.workers = max(self.workers, len(self.running))
        if self.live is None:
            again = f" (attempt {trial.attempts})" if trial.attempts > 1 else ""
            self._line(f"trial {trial.number} of {self.trials}: {self._describe(trial)}{again}")
        self._refresh()

    def step(self, number: int, done: int, total: int) -> None:
        """Training steps of a trial."""
        self.running[number].share = done / total
        self._refresh(BETWEEN_PICTURES)

    def epoch(self, number: int, row: dict) -> None:
        """An epoch of a trial ended."""
        self.running[number].rows.append(row)
        self._refresh(BETWEEN_PICTURES)

    def died(self, number: int, reason: str) -> None:
        """A trial lost its worker, and is trained again."""
        self.running.pop(number, None)
        self._line(f"trial {number} of {self.trials}: {reason}; it is trained again")
        self._refresh()

    def note(self, text: str) -> None:
        """Something of the search as a whole."""
        self._line(text)

    def ended(self, trial: Trial, trials: list[Trial]) -> None:
        """A trial is on record."""
        self.known = trials
        if one := self.running.pop(trial.number, None):
            self.took.append(time.monotonic() - one.began)
        self._line(f"trial {trial.number} of {self.trials}: {self._result(trial)}")
        self._refresh()

    def _line(self, text: str) -> None:
        say(self.live.console if self.live else self.console, text)

    def _refresh(self, pause: float = 0.0) -> None:
        """Draw the picture, unless the last one was drawn less than a `pause` ago."""
        began = time.monotonic()
        if self.live and began - self.drawn >= max(pause, self.drawing / SHARE):
            self.live.update(self._picture())
            self.drawn = time.monotonic()
            self.drawing = self.drawn - began

    def _front(self) -> list[Trial]:
        """The front of all known trials; each is looked at once."""
        if new := self.over.new(self.known):
            self.best = fronts.front([*self.best, *new], self.objectives)
        return self.best

    def _ended(self) -> int:
        """How many of the known trials have ended."""
        self._front()
        return len(self.over)

    def _describe(self, trial: Trial) -> str:
        costs = ", ".join(f"{unit.of(trial.cost):.3g} {unit.label}" for unit in brief(trial.cost))
        return f"{fronts.described(trial)} ({costs})"

    def _result(self, trial: Trial) -> str:
        if trial.state == "failed":
            return f"failed: {trial.outcome.get('reason', 'unknown')}"
        dropped = sum(trial.dropped.values())
        parts = [
            self._place(trial),
            self._describe(trial) if self.live else "",
            f"{count(dropped, 'proposal')} dropped before it" if dropped else "",
            _slow_data(trial),
            self._left(),
        ]
        return "; ".join(part for part in parts if part)

    def _place(self, trial: Trial) -> str:
        """What became of a trial."""
        took = duration(trial.outcome["seconds"])
        if trial.state == "stopped":
            after = count(len(trial.curve), "epoch")
            return f"stopped after {after} of {self.epochs} at accuracy {trial.curve[-1]:.3f}, {took}"
        front = self._front()
        place = "on the front" if trial.number in {best.number for best in front} else "behind the front"
        return f"accuracy {accuracy(trial)} in {took}, {place} of {len(front)}"

    def _left(self) -> str:
        """Time left: the running trials at their own pace, the others at the mean of those that ended.

        Those that ended since this search was started tell best: earlier ones may have had other means.
        """
        finished = self.took or [t.outcome["seconds"] for t in self.known if t.state in ("complete", "stopped")]
        if not finished:
            return "time left unknown"
        mean = sum(finished) / len(finished)
        waiting = max(0, self.trials - self._ended() - len(self.running))
        left = waiting * mean + sum(one.left(mean) for one in self.running.values())
        return f"about {duration(left / self.workers)} left"

    def _picture(self) -> Group:
        parts = [Text(f"{self.name}: {self._ended()} of {self.trials} trials, {self._left()}", style="bold")]
        best = self._front()
        table = front_table(best, title=f"front so far ({len(best)})", rows=ROWS) if best else ""
        beside = 3 + len(self.console.render_lines(table))  # lines that are not of trials, each of which takes two
        drawn = max(1, min(TRAINING, (self.console.height - beside) // 2))
        for one in islice(self.running.values(), drawn):
            last = f", accuracy {one.rows[-1]['val_accuracy']:.3f}" if one.rows else ""
            described = f"trial {one.trial.number}: {self._describe(one.trial)}"
            parts.append(Text(described, no_wrap=True, overflow="ellipsis"))
            bar = "━" * round(30 * one.share) + "╌" * (30 - round(30 * one.share))
            epoch = min(self.epochs, len(one.rows) + 1)
            parts.append(Text(f"  {bar} epoch {epoch} of {self.epochs}{last}"))
        if len(self.running) > drawn:
            parts.append(Text(f"and {len(self.running) - drawn} more in training"))
        return Group(*parts, table) if best else Group(*parts)


class _Running:
    """How far a trial is."""

    def __init__(self, trial: Trial):
        self.trial, self.rows, self.share, self.began = trial, [], 0.0, time.monotonic()

    def left(self, mean: float) -> float:
        """Seconds to its end at its own pace; at its start, when its pace says nothing, the `mean` of others."""
        spent = time.monotonic() - self.began
        return spent * (1 - self.share) / self.share if self.share > EARLY else mean


def _slow_data(trial: Trial) -> str:
    """A word of warning when training waited for its data, with the likely cause."""
    share, cause = trial.outcome.get("wait_share") or 0.0, trial.outcome.get("wait_cause")
    return f"{share:.0%} of the time spent waiting for data ({cause})" if cause else ""


class RetrainReporter:
    """Shows one full training: a bar in a terminal, a line an epoch anywhere."""

    def __init__(self, console: Console, epochs: int, metric: str = METRICS["top1"]):
        self.console, self.epochs, self.began, self.first = console, epochs, time.monotonic(), 0
        self.metric, self.stepped = metric, False
        self.bar: Progress | None = None

    @contextmanager
    def shown(self):
        """Within it, the bar stands at the bottom of the terminal."""
        if not self.console.is_terminal:
            yield self
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as self.bar:
            self.task = self.bar.add_task("training", total=None, unit="steps")
            yield self

    def step(self, done: int, total: int) -> None:
        """Training steps done so far."""
        if not self.stepped:  # workers elsewhere may have taken long to start, and take that no more
            self.began, self.stepped = time.monotonic(), True
        if self.bar:
            self.bar.update(self.task, completed=done, total=total)

    def tested(self, done: int, total: int) -> None:
        """Views of the final test seen so far."""
        if self.bar and done == 0:
            self.bar.reset(self.task, description="testing", total=total, unit="views")
        elif self.bar:
            self.bar.update(self.task, completed=done)

    def epoch(self, row: dict) -> None:
        """An epoch ended."""
        self.first = self.first or row["epoch"]
        passed = row["epoch"] - self.first + 1
        left = (time.monotonic() - self.began) / passed * (self.epochs - row["epoch"])
        tested = f"validation error {1 - row['val_accuracy']:.3f}"
        if self.metric != METRICS["top1"]:
            tested = f"validation {self.metric} {row['val_accuracy']:.3f}"
        self.note(
            f"epoch {row['epoch']} of {self.epochs}: training error {row['train_error']:.3f}, {tested}, "
            f"about {duration(left)} left"
        )

    def note(self, text: str) -> None:
        """One line that stays."""
        say(self.bar.console if self.bar else self.console, text)


def accuracy(trial: Trial) -> str:
    """A trial's accuracy with its standard error from the number of validation clips.

    The spread between seeds comes on top and is not in it.
    """
    clips = trial.outcome.get("val_clips") or 0
    p = trial.accuracy
    return f"{p:.3f} ±{math.sqrt(p * (1 - p) / clips):.3f}" if clips else f"{p:.3f}"


def front_table(trials: list[Trial], *, title: str, rows: int | None = None) -> Table:
    """Trials with accuracy and costs; of more than `rows`, evenly spread ones."""
    table = Table(title=escape(title), title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("trial", justify="right")
    units = brief(trials[0].cost)
    for name in ("accuracy", *(unit.label for unit in units)):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("network", overflow="fold")
    if rows is not None and len(trials) > rows:
        trials = [trials[round(index * (len(trials) - 1) / (rows - 1))] for index in range(rows)]
    for trial in trials:
        table.add_row(
            str(trial.number),
            accuracy(trial),
            *(digits(unit.of(trial.cost)) for unit in units),
            escape(fronts.described(trial)),
        )
    return table

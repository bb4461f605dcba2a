"""Work spread over processes: one task for each core, each with a time limit where one is set.

Workers are spawned, never forked (a forked torch may hang), and end themselves when their parent is killed. A call
that hangs, or kills its process, loses its own result and nothing else: the process is replaced (pebble's pool).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from itertools import islice
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any

from nas.errors import NasError

# calls that wait in front of each worker, and results that wait for their turn: bounds the memory that they take
AHEAD = 8


@dataclass(frozen=True)
class Lost:
    """A call without a result, and why."""

    reason: str


def spread(task: Callable[..., Any], calls: Sequence[tuple], *, workers: int | None = None) -> Iterator[Any]:
    """Yield `task(*call)` for each call, in order, computed by `workers` processes (default: one a core).

    One worker means this process; an error in a task is raised here. `task` must be importable by name. Raises
    NasError where a process is killed.

    >>> list(spread(pow, [(2, 3), (3, 2)], workers=1))
    [8, 9]
    """
    workers = min(workers or cores(), len(calls))
    if workers <= 1:
        yield from (task(*call) for call in calls)
        return
    early: dict[int, Any] = {}
    following = 0
    for number, result in attempts(task, calls, workers=workers):
        if isinstance(result, Lost):
            problem = "a worker process was killed, most often for want of memory"
            raise NasError(problem, fix="run it again with fewer workers")
        early[number] = result
        while following in early:
            yield early.pop(following)
            following += 1


def attempts(
    task: Callable[..., Any], calls: Iterable[tuple], *, workers: int | None = None, timeout: float | None = None
) -> Iterator[tuple[int, Any]]:
    """Yield (number of the call, `task(*call)`) as they end, or `Lost` in place of a result.

    A call is lost that takes more than `timeout` seconds, or whose process dies. An error in a task is raised here.
    Always in processes of their own: nothing else can stop a decoder that hangs.
    """
    from pebble import ProcessPool

    assert task.__module__ != "__main__", "workers do not run the main script: put the task into a module"
    workers = workers or cores()
    waiting = enumerate(calls)
    pool = ProcessPool(workers, initializer=settle, context=_Spawn())
    try:
        busy: dict[Future, int] = {}
        while True:
            for number, call in islice(waiting, workers * AHEAD - len(busy)):
                busy[pool.schedule(task, args=list(call), timeout=timeout)] = number
            if not busy:
                pool.close()  # workers that are still starting end by themselves
                return
            for ended in wait(busy, return_when=FIRST_COMPLETED).done:
                yield busy.pop(ended), _result(ended, timeout)
    except BaseException:
        pool.stop()
        raise
    finally:
        pool.join()


class _Worker(SpawnProcess):
    """A spawned process that does not run the script again that the parent runs: tasks are found by their names.

    So a script needs no guard for its main part, and one read from standard input works too.
    """

    def start(self) -> None:
        main, told = sys.modules["__main__"], {}
        with _STARTING:
            for name in ("__spec__", "__file__"):
                told[name] = main.__dict__.pop(name, None)
            main.__spec__ = None
            try:
                super().start()
            finally:
                main.__dict__.update({name: value for name, value in told.items() if value is not None})


class _Spawn(SpawnContext):
    Process = _Worker


_STARTING = threading.Lock()  # the main module is without its file while a worker starts


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _result(ended: Future, timeout: float | None) -> Any:
    from pebble import ProcessExpired

    try:
        return ended.result()
    except ProcessExpired as error:
        return Lost(f"killed its process (exit status {error.exitcode})")
    except TimeoutError:
        if timeout is None:  # the task's own
            raise
        return Lost(f"given up after {timeout:g} seconds")


def settle() -> None:
    """As a worker, leave Ctrl-C to the parent, and do not outlive it: a killed parent closes no queue."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)

"""Work spread over processes: one task for each core, results in the order of the items.

Workers are spawned, never forked (a forked torch may hang), and end themselves when their parent is killed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from nas.errors import NasError

# results that may wait for their turn, a worker: bounds the memory that decoded videos take
AHEAD = 8


def spread(task: Callable[..., Any], calls: Sequence[tuple], *, workers: int | None = None) -> Iterator[Any]:
    """Yield `task(*call)` for each call, in order, computed by `workers` processes (default: one a core).

    One worker means this process; an error in a task is raised here. `task` must be importable by name.

    >>> list(spread(pow, [(2, 3), (3, 2)], workers=1))
    [8, 9]
    """
    workers = min(workers or cores(), len(calls))
    if workers <= 1:
        yield from (task(*call) for call in calls)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=settle)
    try:
        yield from _ordered(pool, task, calls, workers * AHEAD)
    except BrokenProcessPool:
        raise NasError(
            "a worker process was killed, most often for want of memory",
            fix="run it again with fewer workers",
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _ordered(pool: ProcessPoolExecutor, task: Callable, calls: Sequence[tuple], ahead: int) -> Iterator:
    waiting: deque = deque()
    for call in calls:
        waiting.append(pool.submit(task, *call))
        if len(waiting) >= ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def settle() -> None:
    """As a worker, leave Ctrl-C to the parent, and do not outlive it: a killed parent closes no queue."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)

"""Work done by several processes that form one group, as torchrun makes them, without its start of seconds."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

# A server that has imported torch once, and has no threads yet, gives birth to the processes.
BORN = multiprocessing.get_context("forkserver")
BORN.set_forkserver_preload(["nas.train"])


def together(work: Callable, folder: Path, *told: Any, size: int = 2) -> list[Any]:
    """What `work(group, *told)`, a function of a module, returns in each of `size` processes, in the order of ranks.

    Where it raises, the exception, its type's name and text, stands in the place of the answer.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    answers = [folder / f"answer-{rank}" for rank in range(size)]
    all_told = [(work, told, rank, size, port, path) for rank, path in enumerate(answers)]
    processes = [BORN.Process(target=_belong, args=one) for one in all_told]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        process.kill()
    return [pickle.loads(path.read_bytes()) if path.exists() else None for path in answers]  # noqa: S301


def _belong(work: Callable, told: tuple, rank: int, size: int, port: int, answer: Path) -> None:
    import torch

    from nas.group import joined

    torch.set_num_threads(1)
    where = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank), **where}
    try:
        with joined("cpu") as group:
            found = work(group, *told)
    except BaseException as error:  # noqa: BLE001  (tests look at all of them)
        found = (type(error).__name__, str(error), "".join(traceback.format_exception(error)))
    answer.write_bytes(pickle.dumps(found))

"""Notices that a cluster, or this machine's node of it, is gone: Ray ends the program then, with its own words or none.

A thread asks whether they still take connections, since the main thread waits in Ray's code for minutes. That one is
interrupted (KeyboardInterrupt is what Ray lets through); where it does not come back, the program ends without it: a
study may be left at any moment.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from nas.errors import NasError

BEAT = 1.0  # seconds between two questions, and until the answer
GONE = 10.0  # seconds without an answer after which a head is lost: Ray waits for 60
OWN = 3.0  # the same for a node of this machine: Ray waits for some 10
LEFT = 4.0  # seconds in which the main thread must have left
SIGNAL = signal.SIGURG  # which nobody sends, and which means nothing where it is not expected


@contextmanager
def felt(head: str, own: str) -> Iterator[None]:
    """Within it, the main thread is interrupted where the head, or this machine's own node, is gone: both HOST:PORT.

    Raises NasError then. Other threads are left alone.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pulse = _Pulse(head, [_Watched("its head", head, GONE), _Watched("the node of this machine", own, OWN)])
    before = signal.signal(SIGNAL, pulse.interrupt)
    pulse.thread.start()
    try:
        yield
    except BaseException:
        if pulse.lost:
            raise pulse.lost from None
        raise
    finally:
        pulse.over.set()
        pulse.thread.join()
        signal.signal(SIGNAL, before)


class _Watched:
    """Who must answer, and for how long it may be silent."""

    def __init__(self, name: str, address: str, patience: float):
        self.name, self.address, self.patience, self.felt = name, address, patience, time.monotonic()

    def lost(self) -> str:
        """That it is lost, where it has been silent for too long."""
        if not (why := _silent(self.address)):
            self.felt = time.monotonic()
        elif time.monotonic() - self.felt > self.patience:
            return f"{self.name} does not answer any more ({why})"
        return ""


class _Pulse:
    """Asks until it is over, or somebody is gone."""

    def __init__(self, head: str, watched: list[_Watched]):
        self.head, self.watched, self.over = head, watched, threading.Event()
        self.lost: NasError | None = None
        self.thread = threading.Thread(target=self._ask, name="pulse", daemon=True)

    def interrupt(self, *_: object) -> None:
        """Interrupt the main thread where the cluster is lost."""
        if self.lost:
            raise KeyboardInterrupt

    def _ask(self) -> None:
        while not self.over.wait(BEAT):
            if why := next(filter(None, (one.lost() for one in self.watched)), ""):
                fix = "what ended is kept, and the same command goes on, on this cluster or another"
                self.lost = NasError(f"the cluster was lost: {why}", where=f"Ray at {self.head}", fix=fix)
                self._tell()
                return

    def _tell(self) -> None:
        signal.pthread_kill(threading.main_thread().ident, SIGNAL)
        if not self.over.wait(LEFT):
            print(f"nas: {self.lost}", file=sys.stderr, flush=True)
            os._exit(1)


def _silent(address: str) -> str:
    """Why nobody takes a connection there; empty where somebody does, busy as it may be."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=BEAT).close()
    except OSError as error:
        return (error.strerror or "no answer").lower()
    return ""

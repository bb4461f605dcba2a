"""A cluster whose head is gone is told, whatever the main thread does; the head is a plain socket here."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from nas.cluster import pulse
from nas.errors import NasError

LOST = r"^Ray at 127\.0\.0\.1:\d+: the cluster was lost: {} does not answer any more \(connection refused\); what "


@pytest.fixture
def head(monkeypatch):
    """Somebody who takes connections, until it is closed; looked at ten times a second, and lost after half a one."""
    monkeypatch.setattr(pulse, "BEAT", 0.1)
    monkeypatch.setattr(pulse, "GONE", 0.5)
    monkeypatch.setattr(pulse, "OWN", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


@pytest.fixture
def own():
    """The node of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def address(head):
    return "127.0.0.1:{1}".format(*head.getsockname())


@pytest.mark.parametrize(("which", "name"), [(0, "its head"), (1, "the node of this machine")])
def test_the_main_thread_hears_of_it_in_the_middle_of_a_wait(head, own, which, name):
    started = time.monotonic()
    threading.Timer(0.3, (head, own)[which].close).start()
    with pytest.raises(NasError, match=LOST.format(name)), pulse.felt(address(head), address(own)):
        time.sleep(30)
    assert 0.3 < time.monotonic() - started < 10


def test_a_head_that_is_there_or_comes_back_in_time_is_not_lost(head, own, monkeypatch):
    monkeypatch.setattr(pulse, "GONE", 60.0)
    where = head.getsockname()
    with pulse.felt(address(head), address(own)):
        time.sleep(0.3)
        head.close()
        time.sleep(0.3)
        with socket.create_server(where):
            time.sleep(0.3)
    assert not [thread for thread in threading.enumerate() if thread.name == "pulse"]


def test_the_signal_of_somebody_else_means_nothing(head, own):
    before = signal.getsignal(pulse.SIGNAL)
    with pulse.felt(address(head), address(own)):
        os.kill(os.getpid(), pulse.SIGNAL)
        time.sleep(0.1)
    assert signal.getsignal(pulse.SIGNAL) is before


def test_another_thread_is_left_alone(head, own):
    """Signals reach the main thread alone."""
    with pulse.felt(address(head), address(own)):
        done = []
        thread = threading.Thread(
            target=lambda: [pulse.felt(address(head), address(own)).__enter__(), done.append(True)]
        )
        thread.start()
        thread.join()
    assert done == [True]


STUCK = """
import sys, time
from nas.cluster import pulse
pulse.BEAT, pulse.GONE, pulse.LEFT = 0.1, 0.3, 0.5
with pulse.felt("127.0.0.1:" + sys.argv[1], "127.0.0.1:" + sys.argv[1]):
    while True:
        try:
            time.sleep(30)
        except KeyboardInterrupt:
            pass
"""


def test_a_program_that_does_not_come_back_ends_with_the_line(head):
    port = head.getsockname()[1]
    head.close()
    done = subprocess.run(
        [sys.executable, "-c", STUCK, str(port)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("nas: Ray at 127.0.0.1:") and done.stderr.count("\n") == 1

"""Errors that crossed a cluster, and what is left of them."""

from __future__ import annotations

import os

import pytest

from nas.cluster.failures import line, mistake
from nas.cluster.training import VAIN, Workers, _GivenUp, _Run
from nas.errors import NasError


class Wrapping(Exception):
    """As Ray wraps errors: the cause is kept, and the text is a traceback."""

    def __init__(self, **kept):
        super().__init__("Traceback (most recent call last):\n  File ...")
        self.__dict__ |= kept


MISTAKE = NasError("is wrong", where="there", fix="mend it")


@pytest.mark.parametrize(
    "error",
    [
        MISTAKE,
        Wrapping(cause=MISTAKE),
        Wrapping(worker_failures={3: Wrapping(cause=MISTAKE)}),
        Wrapping(controller_failure=Wrapping(worker_failures={0: MISTAKE})),
    ],
)
def test_a_mistake_is_found_in_what_wraps_it(error):
    assert str(mistake(error)) == "there: is wrong; mend it"


def test_what_is_no_mistake_has_a_line():
    error = Wrapping(controller_failure=Wrapping(cause=OSError("No space left\non device")))
    assert mistake(error) is None and line(error) == "OSError: No space left"
    assert line(KeyError()) == "KeyError"


@pytest.fixture
def run(tmp_path):
    """A run whose notes are kept, and which has no workers."""
    notes = []
    task = type("Task", (), {"folder": tmp_path})
    one = _Run(task, Workers(2, 1, gpu=False, local=True), {"on_note": notes.append, "on_epoch": lambda row: None})
    return one, notes


def test_workers_that_are_lost_in_vain_are_given_up(run):
    one, notes = run
    one._hear("start", None)
    for _ in range(VAIN - 1):
        one._hear("start", None)
    assert notes == ["a worker was lost: all start again from the last checkpoint"] * (VAIN - 1)
    one._hear("epoch", {})  # what was lost was not lost in vain
    for _ in range(VAIN):
        one._hear("start", None)
    with pytest.raises(NasError, match="workers were lost 3 times without finishing an epoch; most often memory"):
        one._hear("start", None)


def test_workers_that_do_not_start_are_started_again(run):
    one, notes = run
    for _ in range(VAIN):
        one._failed(_GivenUp("the workers did not start (RuntimeError: gone)", fix="the same command goes on"))
    assert notes == ["the workers did not start (RuntimeError: gone): once more"] * VAIN
    with pytest.raises(NasError, match="did not start"):
        one._failed(_GivenUp("the workers did not start"))
    with pytest.raises(NasError, match="is wrong"):
        one._failed(MISTAKE)


def test_workers_talk_over_the_network_of_their_node(monkeypatch):
    import ray

    from nas.cluster.meeting import _choose_network

    monkeypatch.setattr(ray.util, "get_node_ip_address", lambda: "127.0.0.1")
    monkeypatch.setenv("GLOO_SOCKET_IFNAME", "mine")
    _choose_network()
    assert os.environ["GLOO_SOCKET_IFNAME"] == "mine"
    monkeypatch.delenv("GLOO_SOCKET_IFNAME")
    _choose_network()
    assert os.environ["GLOO_SOCKET_IFNAME"] == "lo"

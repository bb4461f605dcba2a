"""Shared by all tests: GPU tests are skipped, by name, without a GPU; torch has one thread in each of the processes
that run tests side by side; what a test registers or imports is forgotten after it."""

import os
import signal

import pytest

from nas import user_blocks
from nas.blocks.registry import REGISTRIES
from nas.data.formats import FORMATS
from nas.scores.registry import SCORES
from nas.search.registry import SAMPLERS
from tests.commands import folder, nas, videos  # noqa: F401  (fixtures)
from tests.postgres import cluster, postgres  # noqa: F401


def pytest_configure():
    """Before torch is imported. Two processes of two threads on two cores take up to ten times as long.

    Programs that a test starts hear Ctrl-C, also where a shell started the tests in the background and deaf to it.
    """
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # else a process that had a cluster of its own asks all others
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    gpu = [item for item in items if item.get_closest_marker("gpu")]
    if gpu and not _cuda():
        for item in gpu:
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture
def one_thread():
    """Torch on one thread, as before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(autouse=True)
def nothing_stays_registered():
    """Blocks, scores, samplers and imported files of a test are its own: names and order of tests do not matter."""
    known = [registry.specs for registry in REGISTRIES.values()] + [SCORES, SAMPLERS, FORMATS, user_blocks._loaded]
    before = [dict(one) for one in known]
    yield
    for one, was in zip(known, before, strict=True):
        for name in one.keys() - was.keys():
            del one[name]


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()

"""Shared by all tests: GPU tests are skipped, by name, without a GPU; one thread where bits are compared."""

import pytest

from tests.commands import folder, nas, videos  # noqa: F401  (fixtures)


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


def _cuda() -> bool:
    import torch

    return torch.cuda.is_available()

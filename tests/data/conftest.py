import numpy as np
import pytest

from nas.data import formats, motion
from nas.data_settings import DataSettings

TINY = motion.MotionSettings(train=20, val=10)


@pytest.fixture(scope="session")
def motion_folder(tmp_path_factory):
    """A tiny motion set: 20 + 10 real H.264 files."""
    return motion.generate(tmp_path_factory.mktemp("cache"), TINY, workers=1)


@pytest.fixture(scope="session")
def motion_set(motion_folder):
    return formats.read(motion_folder, DataSettings())


@pytest.fixture
def film(tmp_path):
    """A function that writes a video of a few flat, differently grey frames and returns its path."""

    def write(name, frames=12, height=32, width=48, **settings):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        greys = np.linspace(30, 220, frames).astype(np.uint8)
        motion.encode(str(path), np.broadcast_to(greys[:, None, None, None], (frames, height, width, 3)), **settings)
        return path

    return write

import sys

import numpy as np
import pytest

from nas.data.decoding.decode import Unreadable, decode
from nas.data_settings import PackSettings
from nas.errors import NasError
from tests.data.decoding.test_decode import ALL, CHOICES, CODECS
from tests.data.films import SIDE, drawn, turned, write


def test_torchcodec_that_is_missing_or_broken_is_told(tmp_path, monkeypatch, film):
    path = str(film("a.mp4"))
    monkeypatch.setitem(sys.modules, "torchcodec", None)
    monkeypatch.delitem(sys.modules, "torchcodec.decoders", raising=False)
    with pytest.raises(NasError, match="torchcodec is not installed; .*decoder: pyav"):
        decode(path, ALL, decoder="torchcodec")
    (tmp_path / "torchcodec").mkdir()
    (tmp_path / "torchcodec" / "__init__.py").write_text("raise OSError('libavutil.so.59: cannot open')")
    monkeypatch.delitem(sys.modules, "torchcodec")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(NasError, match=r"torchcodec cannot be loaded \(libavutil"):
        decode(path, ALL, decoder="torchcodec")


@pytest.fixture
def torchcodec():
    try:
        import torchcodec.decoders
    except (ImportError, OSError, RuntimeError) as error:
        pytest.skip(f"torchcodec cannot be loaded: {str(error).splitlines()[0]}")
    return torchcodec


@pytest.mark.parametrize("name", ["a.mp4", "long-gop.mp4", "pyramid.mp4", "a.mkv", "a.flv", "mpeg4.mp4", "vp9.webm"])
def test_torchcodec_gives_the_same_frames(torchcodec, tmp_path, name):
    path = str(write(tmp_path / name, *next(rest for known, *rest in CODECS if known == name)))
    for settings in (*CHOICES, PackSettings(rate=5, frames=0, size=SIDE)):
        ours, theirs = decode(path, settings), decode(path, settings, decoder="torchcodec")
        assert ours.shape == theirs.shape
        errors = np.abs(ours.astype(int) - theirs).mean(axis=(1, 2, 3))
        others = np.abs(ours.astype(int) - np.roll(theirs, 1, axis=0)).mean(axis=(1, 2, 3))
        assert errors.max() < 3 and (len(ours) == 1 or len(set(map(bytes, ours))) == 1 or others.max() > 6)


def test_torchcodec_cuts_turns_and_refuses_as_pyav_does(torchcodec, tmp_path):
    path = write(tmp_path / "a.mp4", pictures=drawn(40, 32, 64))
    cut = (str(turned(path, (0, 1, -1, 0))), PackSettings(every=2, frames=0, size=32), 0.5, 2.0)
    assert np.abs(decode(*cut).astype(int) - decode(*cut, decoder="torchcodec")).mean() < 3
    raw = write(tmp_path / "a.h264")
    for broken in (raw, tmp_path / "none.mp4"):
        with pytest.raises(Unreadable, match="time stamps|No such file"):
            decode(str(broken), ALL, decoder="torchcodec")

"""A working folder with a small space, a recipe and real videos, and the command line called in it."""

import sys

import pytest

from nas import cli
from nas.data import motion
from tests.spaces import TINY

RECIPE = """
nas: 1
space: tiny.yaml
budget: 3mflops
objectives: [accuracy, gflops, mparams]
trials: 3
sampler: {kind: uniform}
data: {path: VIDEOS, pack: {every: 1, frames: 8, size: 24}}
proxy: {width: 1.0, depth: 1.0, clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 1, batch: 8}}
retrain: {clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 2, batch: 8}}
"""


@pytest.fixture(scope="session")
def videos(tmp_path_factory):
    """30 + 20 short videos of ten actions."""
    settings = motion.MotionSettings(train=30, val=20, size=32)
    return motion.generate(tmp_path_factory.mktemp("videos"), settings, workers=1)


@pytest.fixture
def folder(tmp_path, videos, monkeypatch):
    """A working folder with a space and a recipe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "studies" / "small").mkdir(parents=True)
    (tmp_path / "studies" / "small" / "study.yaml").write_text(RECIPE.replace("VIDEOS", str(videos)))
    return tmp_path


@pytest.fixture
def nas(monkeypatch, capsys):
    """Calls the command line; returns (exit status, output, errors)."""

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["nas", *map(str, arguments)])
        try:
            cli.main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        told = capsys.readouterr()
        return status, told.out, told.err

    return call

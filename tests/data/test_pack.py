import csv
import multiprocessing
import os
import pickle
import shutil
import signal
import time
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest

from nas.data import decode, lists
from nas.data import pack as packs
from nas.data.pack import fingerprint, pack
from nas.errors import NasError
from nas.recipe import PackSettings

SETTINGS = PackSettings(every=2, frames=6, size=24)


@pytest.fixture
def folder(tmp_path, film):
    """Two classes, two train and one val video each, of different lengths and sizes."""
    for i, name in enumerate(["train/a/1", "train/a/2", "train/b/1", "train/b/2", "val/a/1", "val/b/1"]):
        film(f"set/{name}.mp4", frames=8 + 2 * i, width=48 + 4 * i)
    return tmp_path / "set"


def test_a_pack_holds_what_decoding_gives(folder, tmp_path):
    found = lists.read(folder)
    told = []
    made = pack(found, SETTINGS, tmp_path / "cache", progress=lambda *step: told.append(step), workers=2)
    assert (len(made.train), len(made.val), made.classes, made.skipped) == (4, 2, ("a", "b"), ())
    assert made.train.labels.tolist() == [0, 0, 1, 1]
    for split, videos in ((made.train, found.train), (made.val, found.val)):
        for i, video in enumerate(videos):
            np.testing.assert_array_equal(split.video(i), decode.decode(video.path, SETTINGS))
    assert [step[0] for step in told] == list(range(7)) and told[-1] == (6, 6, "decoding videos")


def test_a_finished_pack_is_read_without_pyav(folder, tmp_path, monkeypatch):
    made = pack(lists.read(folder), SETTINGS, tmp_path, workers=1)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    again = pack(lists.read(folder), SETTINGS, tmp_path, progress=lambda *_: pytest.fail("decoded again"))
    assert again.fingerprint == made.fingerprint


def test_another_process_gets_the_folder_and_no_copy_of_the_frames(folder, tmp_path):
    made = pack(lists.read(folder), SETTINGS, tmp_path, workers=1)
    sent = pickle.dumps(made)
    assert len(sent) < 1000
    np.testing.assert_array_equal(pickle.loads(sent).train.store, made.train.store)


def test_other_files_labels_or_settings_are_another_pack(folder, film):
    before = lists.read(folder)
    keys = {fingerprint(before, SETTINGS), fingerprint(before, SETTINGS.model_copy(update={"size": 32}))}
    film("set/train/a/1.mp4", frames=20)
    keys.add(fingerprint(lists.read(folder), SETTINGS))
    (folder / "train/a/2.mp4").rename(folder / "train/b/3.mp4")
    keys.add(fingerprint(lists.read(folder), SETTINGS))
    assert len(keys) == 4


def test_a_moved_set_keeps_its_pack(folder):
    before = fingerprint(lists.read(folder), SETTINGS)
    moved = folder.rename(folder.with_name("moved"))
    assert fingerprint(lists.read(moved), SETTINGS) == before


def test_broken_files_are_skipped_listed_and_counted(folder, tmp_path):
    (folder / "train/a/0.mp4").write_bytes(b"")
    (folder / "train/a/9.mp4").write_text("not a video")
    made = pack(lists.read(folder), SETTINGS, tmp_path, workers=1)
    assert [os.path.basename(path) for path, _ in made.skipped] == ["0.mp4", "9.mp4"]
    assert len(made.train) == 4
    with (made.folder / "skipped.csv").open(newline="") as file:
        assert [tuple(row) for row in csv.reader(file)] == [("path", "reason"), *made.skipped]


def test_missing_videos_are_listed_and_counted(folder, tmp_path):
    found = lists.read(folder)
    short = replace(found, missing=("train/gone.mp4",))
    made = pack(short, SETTINGS, tmp_path / "other", workers=1)
    assert ("train/gone.mp4", "not there") in made.skipped
    assert "train/gone.mp4,not there" in (made.folder / "skipped.csv").read_text()


def test_a_class_without_any_video_is_named_before_anything_is_decoded(folder, tmp_path):
    empty = replace(lists.read(folder), classes=(*lists.read(folder).classes, "nothing"))
    told = []
    with pytest.raises(NasError, match="class 'nothing'"):
        pack(empty, SETTINGS, tmp_path / "other", workers=1, progress=lambda *step: told.append(step))
    assert told == []


def test_a_class_without_a_readable_video_is_named(folder, tmp_path):
    for name in ("1.mp4", "2.mp4"):
        (folder / "train/b" / name).write_text("not a video")
    with pytest.raises(NasError, match=r"no readable video to train on for class 'b'.*2 were skipped, such as .*2.mp4"):
        pack(lists.read(folder), SETTINGS, tmp_path, workers=1)
    assert not list((tmp_path / "packs").glob("*/")), "nothing is left of a pack that failed"


def test_no_video_to_validate_with(folder, tmp_path):
    for path in folder.glob("val/*/*.mp4"):
        path.write_text("not a video")
    with pytest.raises(NasError, match="no readable video to validate with"):
        pack(lists.read(folder), SETTINGS, tmp_path, workers=1)


def test_a_disk_too_small_is_found_before_the_work(folder, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 1000))
    with pytest.raises(NasError, match="6 videos need about 0.0 GB and 0.0 GB are free"):
        pack(lists.read(folder), SETTINGS, tmp_path, progress=lambda *_: pytest.fail("began"))


def test_a_damaged_pack_is_said_so(folder, tmp_path):
    made = pack(lists.read(folder), SETTINGS, tmp_path, workers=1)
    with (made.folder / "val.bin").open("ab") as file:
        file.write(b"more")
    with pytest.raises(NasError, match="damaged.*delete the folder"):
        packs.read(made.folder)


def test_a_cache_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="pack cannot be written: Not a directory"):
        pack(lists.read(folder), SETTINGS, tmp_path / "file", workers=1)


def _pack_slowly(folder, cache):
    pack(lists.read(folder), SETTINGS, cache, progress=lambda *_: time.sleep(0.3), workers=1)


def _start(folder, cache):
    child = multiprocessing.get_context("spawn").Process(target=_pack_slowly, args=(folder, cache))
    child.start()
    wanted = time.monotonic() + 20
    while not list(cache.glob("packs/*.partial")) and time.monotonic() < wanted:
        time.sleep(0.02)
    return child


def test_a_killed_packing_is_redone(folder, tmp_path):
    cache = tmp_path / "cache"
    child = _start(folder, cache)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    assert list(cache.glob("packs/*.partial"))
    made = pack(lists.read(folder), SETTINGS, cache, workers=1)
    assert len(made.train) == 4 and not list(cache.glob("packs/*.partial"))


def test_of_two_at_once_one_packs_and_the_other_waits(folder, tmp_path):
    child = _start(folder, tmp_path / "cache")
    made = pack(lists.read(folder), SETTINGS, tmp_path / "cache", progress=lambda *_: pytest.fail("packed twice"))
    child.join()
    assert child.exitcode == 0 and len(made.train) == 4

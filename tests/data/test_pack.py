import csv
import json
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

from nas.data import formats, packing, shards
from nas.data import pack as packs
from nas.data.decoding import decode
from nas.data.pack import fingerprint, pack
from nas.data_settings import DataSettings, PackSettings
from nas.errors import NasError
from tests.data import hanging

SETTINGS = DataSettings(pack=PackSettings(every=2, frames=6, size=24), timeout=20)


@pytest.fixture
def folder(tmp_path, film):
    """Two classes, two train and one val video each, of different lengths and sizes."""
    for i, name in enumerate(["train/a/1", "train/a/2", "train/b/1", "train/b/2", "val/a/1", "val/b/1"]):
        film(f"set/{name}.mp4", frames=8 + 2 * i, width=48 + 4 * i)
    return tmp_path / "set"


def read(folder):
    return formats.read(folder, SETTINGS)


def changed(**settings):
    return SETTINGS.model_copy(update={"pack": SETTINGS.pack.model_copy(update=settings)})


def forbidden(*step):
    pytest.fail(f"did it again: {step}")


def holds(made, found):
    """Whether the pack has what decoding gives."""
    for split, videos in ((made.train, found.train), (made.val, found.val)):
        assert len(split) == len(videos)
        for i, video in enumerate(videos):
            np.testing.assert_array_equal(split.video(i), decode.decode(video.path, SETTINGS.pack))
    return True


def test_a_pack_holds_what_decoding_gives(folder, tmp_path):
    found, told = read(folder), []
    made = pack(found, SETTINGS, tmp_path / "cache", progress=lambda *step: told.append(step), workers=2)
    assert (made.classes, made.skipped, made.fingerprint) == (("a", "b"), 0, made.folder.name)
    assert made.train.labels.first().tolist() == [0, 0, 1, 1] and made.val.labels.first().tolist() == [0, 1]
    assert holds(made, found)
    assert [step[:2] for step in told] == [(done, 6) for done in range(1, 7)]


def test_the_space_that_all_need_is_told_after_the_first_few(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(packing, "PROBES", 2)
    told = []
    made = pack(read(folder), SETTINGS, tmp_path, progress=lambda *step: told.append(step[2]), workers=1)
    assert told[0] == "decoding a few, to see how large they are" and len(set(told[1:])) == 1
    assert told[-1].startswith("decoding videos (about 0.1 MB, ")
    assert told[-1].endswith("are free)") and holds(made, read(folder))


def test_a_finished_pack_is_read_without_pyav(folder, tmp_path, monkeypatch):
    made = pack(read(folder), SETTINGS, tmp_path, workers=1)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    again = pack(read(folder), SETTINGS, tmp_path, progress=forbidden)
    assert again.fingerprint == made.fingerprint


def test_another_process_gets_the_folder_and_no_copy_of_the_frames(folder, tmp_path):
    made = pack(read(folder), SETTINGS, tmp_path, workers=1)
    sent = pickle.dumps(made)
    assert len(sent) < 1000
    assert holds(pickle.loads(sent), read(folder))


def test_pictures_take_their_place(folder, tmp_path):
    raw, small = (pack(read(folder), changed(jpeg=quality), tmp_path, workers=1) for quality in (0, 90))
    assert raw.fingerprint != small.fingerprint and small.train.store.jpeg
    for index in range(len(raw.train)):
        assert np.abs(raw.train.video(index).astype(int) - small.train.video(index)).max() < 6


def test_other_files_labels_or_settings_are_another_pack(folder, film):
    before = read(folder)
    keys = {fingerprint(before, one) for one in (SETTINGS, changed(size=32), changed(rate=5.0), changed(jpeg=90))}
    keys.add(fingerprint(before, SETTINGS.model_copy(update={"decoder": "torchcodec"})))
    film("set/train/a/1.mp4", frames=20)
    keys.add(fingerprint(read(folder), SETTINGS))
    (folder / "train/a/2.mp4").rename(folder / "train/b/3.mp4")
    keys.add(fingerprint(read(folder), SETTINGS))
    cut = replace(before.train, end=np.array([0.2, np.nan, np.nan, np.nan]))
    keys.add(fingerprint(replace(before, train=cut), SETTINGS))
    assert len(keys) == 8
    limits = {"missing": 0.1, "timeout": 5.0, "metric": "mean_class", "mirrored": (("a", "b"),)}
    assert fingerprint(read(folder), SETTINGS.model_copy(update=limits)) in keys


def test_a_moved_set_keeps_its_pack(folder):
    before = fingerprint(read(folder), SETTINGS)
    moved = folder.rename(folder.with_name("moved"))
    assert fingerprint(read(moved), SETTINGS) == before


def test_broken_files_are_skipped_listed_and_counted(folder, tmp_path):
    (folder / "train/a/0.mp4").write_bytes(b"")
    (folder / "train/a/9.mp4").write_text("not a video")
    made = pack(read(folder), SETTINGS, tmp_path, workers=1)
    assert [os.path.basename(path) for path, _ in packs.skipped(made)] == ["0.mp4", "9.mp4"]
    assert (len(made.train), made.skipped) == (4, 2)
    with (made.folder / "skipped.csv").open(newline="") as file:
        assert next(csv.reader(file)) == ["path", "reason"]


def test_too_many_broken_files_stop_it_and_lose_nothing(folder, tmp_path, monkeypatch):
    (folder / "train/a/0.mp4").write_text("not a video")
    with pytest.raises(NasError, match=r"1 of 7 videos cannot be read .*skipped.csv; data.unreadable sets how many"):
        pack(read(folder), SETTINGS.model_copy(update={"unreadable": 0.1}), tmp_path, workers=1)
    monkeypatch.setattr(packing.pool, "attempts", forbidden)
    assert len(pack(read(folder), SETTINGS, tmp_path).train) == 4, "what was decoded is not decoded again"


def test_missing_videos_are_listed_and_counted(folder, tmp_path):
    short = replace(read(folder), missing=("train/gone.mp4",))
    made = pack(short, SETTINGS, tmp_path / "other", workers=1)
    assert packs.skipped(made) == [("train/gone.mp4", "not there")]


def test_classes_may_lose_all_their_videos_and_are_named(folder, tmp_path):
    for name in ("1.mp4", "2.mp4"):
        (folder / "train/b" / name).write_text("not a video")
    made = pack(read(folder), SETTINGS, tmp_path, workers=1)
    told = packing.untrained(made.task, made.train.labels, made.val.labels)
    assert told == "no video to train on for 1 class that validate: 'b'"
    gap = replace(read(folder), classes=("a", "b", "nothing"))
    made = pack(gap, SETTINGS, tmp_path, workers=1)
    assert len(made.classes) == 3 and packing.untrained(made.task, made.val.labels, made.val.labels) == ""


def test_a_single_class_is_refused(folder, tmp_path):
    with pytest.raises(NasError, match="set: has a single class, 'a'; nas data check tells"):
        pack(replace(read(folder), classes=("a",)), SETTINGS, tmp_path, progress=forbidden)


def test_frames_that_are_overwritten_are_another_pack(tmp_path):
    for split, name in [("train", "a"), ("train", "b"), ("val", "a"), ("val", "b")]:
        frames = tmp_path / "set" / split / name / "video"
        frames.mkdir(parents=True)
        for number in range(5):
            (frames / f"{number}.jpg").write_bytes(b"\xff" * (10 + number))
    before = fingerprint(read(tmp_path / "set"), SETTINGS)
    assert fingerprint(read(tmp_path / "set"), SETTINGS) == before
    for number in range(5):
        with (tmp_path / "set/train/b/video" / f"{number}.jpg").open("r+b") as file:
            file.write(b"\0")
    assert fingerprint(read(tmp_path / "set"), SETTINGS) != before


def test_no_video_to_validate_with(folder, tmp_path):
    for path in folder.glob("val/*/*.mp4"):
        path.write_text("not a video")
    with pytest.raises(NasError, match="no readable video to validate with"):
        pack(read(folder), SETTINGS, tmp_path, workers=1)


def test_a_disk_too_small_is_found_at_the_beginning(folder, tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 10, 1000))
    monkeypatch.setattr(packing, "PROBES", 2)
    told = []
    with pytest.raises(NasError, match="4 videos need about 0.1 MB and 0.0 MB are free; keep fewer"):
        pack(read(folder), SETTINGS, tmp_path, progress=lambda *step: told.append(step), workers=1)
    monkeypatch.undo()
    made = pack(read(folder), SETTINGS, tmp_path, progress=lambda *step: told.append(step), workers=1)
    assert told[1][0] == 3 and holds(made, read(folder)), "what was decoded is kept"


def test_a_disk_that_fills_up_is_one_line_and_loses_nothing(folder, tmp_path, monkeypatch):
    added = packing.Journal.add

    def full(self, number, result):
        if (self.shard >= 0).sum() == 3:
            raise OSError(28, "No space left on device")
        added(self, number, result)

    monkeypatch.setattr(packing.Journal, "add", full)
    with pytest.raises(NasError, match="cannot be written: No space left on device; free some space"):
        pack(read(folder), SETTINGS, tmp_path, workers=1)
    monkeypatch.setattr(packing.Journal, "add", added)
    told = []
    made = pack(read(folder), SETTINGS, tmp_path, progress=lambda *step: told.append(step[0]), workers=1)
    assert told == [4, 5, 6] and holds(made, read(folder))


def test_a_pack_of_another_size_is_damaged(folder, tmp_path):
    made = pack(read(folder), SETTINGS, tmp_path, workers=1)
    with next(made.folder.glob("*.frames")).open("ab") as file:
        file.write(b"more")
    with pytest.raises(NasError, match="damaged.*delete the folder"):
        pack(read(folder), SETTINGS, tmp_path)


def test_frames_that_changed_are_found_when_the_pack_is_opened(folder, tmp_path):
    made = pack(read(folder), SETTINGS, tmp_path, workers=1)
    path = next(made.folder.glob("*.frames"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, (1, 1))
    with pytest.raises(NasError, match=r"damaged \(video \d in \w+.frames has changed\); delete the folder"):
        pack(read(folder), SETTINGS, tmp_path)


def test_a_copied_pack_is_checked_once(folder, tmp_path):
    made = pack(read(folder), SETTINGS, tmp_path, workers=1)
    shutil.copytree(tmp_path / "packs", tmp_path / "copy" / "packs", copy_function=shutil.copyfile)
    told = []
    for _ in range(2):
        pack(read(folder), SETTINGS, tmp_path / "copy", progress=lambda *step: told.append(step))
    assert told[-1] == (6, 6, "checking the pack") and [step[0] for step in told].count(6) == 1
    assert (tmp_path / "copy" / "packs" / made.folder.name).is_dir()


def test_a_cache_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="pack cannot be written: Not a directory"):
        pack(read(folder), SETTINGS, tmp_path / "file", workers=1)


def test_files_that_hang_or_crash_the_decoder_lose_themselves_alone(folder, tmp_path, monkeypatch):
    (folder / "val/a/1.mp4").rename(folder / "val/a/2.mp4")
    monkeypatch.setattr(shards, "keep", hanging.keep)
    made = pack(read(folder), SETTINGS.model_copy(update={"timeout": 8.0}), tmp_path, workers=2)
    reasons = {os.path.relpath(path, folder): reason for path, reason in packs.skipped(made)}
    assert reasons == {
        "train/a/1.mp4": "given up after 8 seconds",
        "train/b/1.mp4": "killed its process (exit status 7)",
    }
    assert len(made.train) == 2 and len(made.val) == 2


def _pack_slowly(folder, cache):
    pack(read(folder), SETTINGS, cache, progress=lambda *_: time.sleep(0.4), workers=1)


def _start(folder, cache, lines):
    """Packing in another process, that has as many videos behind it."""
    child = multiprocessing.get_context("spawn").Process(target=_pack_slowly, args=(folder, cache))
    child.start()
    wanted = time.monotonic() + 30
    while _lines(cache) < lines and time.monotonic() < wanted:
        time.sleep(0.02)
    return child


def _lines(cache):
    return sum(len(path.read_text().splitlines()) for path in cache.glob("packs/*.partial/journal.jsonl"))


def test_a_killed_packing_goes_on(folder, tmp_path):
    cache, told = tmp_path / "cache", []
    child = _start(folder, cache, 3)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    done = _lines(cache)
    (journal,) = cache.glob("packs/*.partial/journal.jsonl")
    journal.write_text(journal.read_text() + '[5, ["half a li')
    made = pack(read(folder), SETTINGS, cache, progress=lambda *step: told.append(step[0]), workers=1)
    assert 3 <= done < 6 and told == list(range(done + 1, 7))
    assert holds(made, read(folder)) and not list(cache.glob("packs/*.partial"))


def test_what_a_power_cut_lost_is_decoded_again(folder, tmp_path):
    cache = tmp_path / "cache"
    child = _start(folder, cache, 3)
    os.kill(child.pid, signal.SIGKILL)
    child.join()
    (journal,) = cache.glob("packs/*.partial/journal.jsonl")
    first = shards.Run(*json.loads(journal.read_text().splitlines()[0])[1])
    with (journal.parent / first.shard).open("r+b") as file:
        file.seek(first.at)
        file.write(b"\0" * 100)
    assert holds(pack(read(folder), SETTINGS, cache, workers=1), read(folder))


def test_of_two_at_once_one_packs_and_the_other_waits(folder, tmp_path):
    child, told = _start(folder, tmp_path / "cache", 1), []
    made = pack(read(folder), SETTINGS, tmp_path / "cache", progress=lambda *step: told.append(step[2]))
    child.join()
    assert child.exitcode == 0 and holds(made, read(folder))
    assert len(told) == 1 and told[0].startswith(f"waiting for another packing of these videos: process {child.pid} ")

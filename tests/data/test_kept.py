"""Which videos a pack holds, and what several packs have in common."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from nas.data import formats
from nas.data.decoding import decode
from nas.data.kept import Kept, joined, kept
from nas.data.pack import pack
from nas.data.packing import KEPT
from nas.data.task import Task
from nas.data.videos import Labels, Video, Videos
from nas.data_settings import DataSettings, PackSettings
from nas.errors import NasError
from tests.clips import packed

SETTINGS = DataSettings(pack=PackSettings(every=1, frames=6, size=24), timeout=20)
TASK = Task(("a", "b", "c"))


@pytest.fixture
def folder(tmp_path, film):
    """Two classes, two train and two val videos each, of different lengths and sizes; one of each split is broken."""
    names = [f"{split}/{name}/{number}" for split in ("train", "val") for name in "ab" for number in (1, 2)]
    for i, name in enumerate(names):
        film(f"set/{name}.mp4", frames=8 + 2 * i, width=48 + 4 * i)
    for name in ("train/a/1", "val/a/2"):
        (tmp_path / "set" / f"{name}.mp4").write_bytes(b"no video")
    return tmp_path / "set"


def made(folder, cache):
    videos = formats.read(folder, SETTINGS)
    return videos, pack(videos, SETTINGS, cache, workers=1)


def holds(part: Kept) -> bool:
    """Whether each video is what decoding its file gives."""
    assert len(part) == len(part.videos) > 0
    for row, video in enumerate(part.videos):
        np.testing.assert_array_equal(part.split.video(row), decode.decode(video.path, SETTINGS.pack))
        assert part.split.labels[row] == video.labels
    return True


def test_broken_videos_are_not_among_those_that_are_kept(folder, tmp_path):
    videos, found = made(folder, tmp_path)
    train, val = kept(found, videos, "train"), kept(found, videos, "val")
    assert holds(train) and holds(val)
    assert train.names() == ["train/a/2.mp4", "train/b/1.mp4", "train/b/2.mp4"]
    assert val.names() == ["val/a/1.mp4", "val/b/1.mp4", "val/b/2.mp4"]
    assert holds(val.take(np.array([2, 0]))) and val.take(np.array([2, 0])).names() == ["val/b/2.mp4", "val/a/1.mp4"]


def test_a_set_that_was_moved_keeps_its_videos(folder, tmp_path):
    made(folder, tmp_path)
    moved = folder.rename(tmp_path / "elsewhere")
    videos, found = made(moved, tmp_path)
    assert holds(kept(found, videos, "val"))


def test_packs_of_earlier_versions_tell_by_what_they_skipped(folder, tmp_path):
    videos, found = made(folder, tmp_path)
    (found.folder / KEPT).unlink()
    assert holds(kept(found, videos, "train")) and holds(kept(found, videos, "val"))
    moved = folder.rename(tmp_path / "elsewhere")
    with pytest.raises(NasError, match="made by an earlier version, which did not write down all .* delete the folder"):
        kept(*reversed(made(moved, tmp_path)), "val")


def test_one_of_several_cuts_of_a_file_may_be_lost(folder, tmp_path):
    """Only the pack itself knows which."""
    videos = formats.read(folder, SETTINGS)
    path = videos.val[0].path
    cuts = [Video(path, (0,), 0.0, 0.2), Video(path, (1,), 60.0, 61.0), Video(path, (1,), 0.2, 0.4)]
    cut = replace(videos, val=Videos.listed(cuts))
    found = pack(cut, SETTINGS, tmp_path, workers=1)
    part = kept(found, cut, "val")
    assert [video.start for video in part.videos] == [0.0, 0.2] and len(part.split) == 2
    (found.folder / KEPT).unlink()
    with pytest.raises(NasError, match="made by an earlier version"):
        kept(found, cut, "val")


def test_a_damaged_list_of_them(folder, tmp_path):
    videos, found = made(folder, tmp_path)
    (found.folder / KEPT).write_bytes(b"cut off")
    with pytest.raises(NasError, match=r"this pack is damaged \(kept.npy cannot be read\); delete the folder"):
        kept(found, videos, "val")


def part_of(folder, names, labels, root="/set", cuts=()):
    """A split of a pack in `folder` whose videos show their own number, which is the last letter of the name."""
    folder.mkdir()
    frames = [np.full((2, 4, 4, 3), int(name[-1]), dtype=np.uint8) for name in names]
    split = packed(folder, frames, Labels.single(labels), TASK)
    videos = [Video(f"{root}/{name}", (label,)) for name, label in zip(names, labels, strict=True)]
    for place, (start, end) in enumerate(cuts):
        videos[place] = replace(videos[place], start=start, end=end)
    return Kept(split, Videos.listed(videos), root)


def numbers(part):
    return [int(part.split.video(row)[0, 0, 0, 0]) for row in range(len(part))]


def test_what_all_have_in_common_in_the_order_of_the_first(tmp_path):
    one = part_of(tmp_path / "1", ["v3", "v1", "v2", "v5"], [0, 1, 2, 0])
    two = part_of(tmp_path / "2", ["v1", "v2", "v3", "v4"], [1, 2, 0, 0])
    three = part_of(tmp_path / "3", ["v2", "v5", "v3"], [2, 0, 0])
    parts, left = joined([one, two, three])
    assert [numbers(part) for part in parts] == [[3, 2]] * 3
    assert [[part.split.labels[row] for row in range(2)] for part in parts] == [[(0,), (2,)]] * 3
    assert left == ["v1", "v5", "v4"]
    assert joined([one])[1] == [] and numbers(joined([one])[0][0]) == [3, 1, 2, 5]


def test_cuts_and_repetitions_of_one_file_are_told_apart(tmp_path):
    one = part_of(tmp_path / "1", ["v1", "v1", "v1", "v1"], [0, 1, 2, 2], cuts=[(0.0, 1.0), (1.0, 2.0)])
    two = part_of(tmp_path / "2", ["v1", "v1"], [1, 2], cuts=[(1.0, 2.0)])
    parts, left = joined([one, two])
    assert [part.split.labels.first().tolist() for part in parts] == [[1, 2], [1, 2]]
    assert left == ["v1", "v1"]


def test_a_folder_by_another_name_is_the_same(tmp_path, folder):
    (tmp_path / "link").symlink_to(folder)
    one = part_of(tmp_path / "1", ["v1", "v2"], [0, 1], root=str(folder))
    two = part_of(tmp_path / "2", ["v2", "v1"], [1, 0], root=str(tmp_path / "link"))
    assert [numbers(part) for part in joined([one, two])[0]] == [[1, 2], [1, 2]]


def test_labels_that_differ_and_nothing_in_common(tmp_path):
    one = part_of(tmp_path / "1", ["v1", "v2"], [0, 1])
    with pytest.raises(NasError, match="^v2: is 'b' in the data of one network and 'c' in that of another; name one"):
        joined([one, part_of(tmp_path / "2", ["v1", "v2"], [0, 2])])
    with pytest.raises(NasError, match=r"no videos in common \(theirs lie in /set\); name videos"):
        joined([one, part_of(tmp_path / "3", ["v3"], [0])])
    with pytest.raises(NasError, match="theirs lie in /set and /other"):
        joined([one, part_of(tmp_path / "4", ["v1"], [0], root="/other")])


def test_a_copied_cache_keeps_them(folder, tmp_path):
    videos, found = made(folder, tmp_path)
    shutil.copytree(tmp_path / "packs", tmp_path / "copy" / "packs")
    assert holds(kept(pack(videos, SETTINGS, tmp_path / "copy"), videos, "val"))

"""What every list format must do; a new one's test inherits `FormatCase`, or `ListCase` where it reads lists:

class TestMine(ListCase):
    name = "mine"
    clips = {"train": 8, "val": 4}
    classes = ("jump", "run")
    train_list = "mine_train.txt"
    bad_lines = {"no comma": "is no line of this list", "../a.mp4,run": "outside of the data folder"}

    def write(self, folder):
        ...  # lists and videos, two or more of each class
        return folder
"""

import os
import shutil
from pathlib import Path

import pytest

from nas.data import formats
from nas.data_settings import DataSettings
from nas.errors import NasError


def same(one, two):
    """Whether two sets have the same videos, classes and notes."""
    pairs = [(one.train, two.train), (one.val, two.val)]
    named = ("classes", "missing", "multilabel", "notes")
    return all(list(a) == list(b) for a, b in pairs) and all(getattr(one, key) == getattr(two, key) for key in named)


def videos(found):
    return [*found.train, *found.val]


def remove(path):
    (shutil.rmtree if os.path.isdir(path) else os.unlink)(path)


def told(path, settings=None):
    """The error that reading `path` raises: one line."""
    with pytest.raises(NasError) as error:
        formats.read(path, settings or DataSettings())
    assert "\n" not in str(error.value)
    return str(error.value)


class FormatCase:
    name: str
    # what is found by split, without what is missing
    clips: dict[str, int]
    classes: tuple[str, ...]
    # what `write` lists and does not make
    gone = 0
    multilabel = False

    def write(self, folder: Path) -> Path:
        """A set in an empty folder; what --data would name."""
        raise NotImplementedError

    @pytest.fixture
    def path(self, tmp_path):
        (tmp_path / "set").mkdir()
        return self.write(tmp_path / "set")

    def test_is_known_and_says_what_it_is(self):
        assert formats.find(self.name).summary not in ("", self.name)

    def test_is_recognised_and_read(self, path):
        found = formats.read(path)
        assert found.format.split(":")[0] == self.name
        assert {"train": len(found.train), "val": len(found.val)} == self.clips
        assert (found.classes, found.multilabel, len(found.missing)) == (self.classes, self.multilabel, self.gone)

    def test_the_named_format_is_read_alike(self, path):
        assert same(formats.read(path), formats.read(path, DataSettings(format=self.name)))

    def test_the_videos_are_there_below_the_root_and_have_classes(self, path):
        found = formats.read(path)
        for video in videos(found):
            assert os.path.isabs(video.path) and os.path.exists(video.path) and video.path.startswith(found.root + "/")
            assert video.labels and all(0 <= label < len(found.classes) for label in video.labels)
            assert (video.start is None) == (video.end is None) and (video.start is None or video.start < video.end)

    def test_a_folder_with_spaces_and_other_letters(self, tmp_path):
        folder = tmp_path / "Ein Ordner mit Ümläuten 动作"
        folder.mkdir()
        found = formats.read(self.write(folder))
        assert {"train": len(found.train), "val": len(found.val)} == self.clips

    def test_reading_is_the_same_from_a_relative_path(self, path, monkeypatch):
        monkeypatch.chdir(path if path.is_dir() else path.parent)
        assert same(formats.read(path), formats.read("." if path.is_dir() else path.name))


class ListCase(FormatCase):
    # the list to train, or such lists, as a pattern below what `write` gives
    train_list: str
    # lines that make no sense, and what is said of them
    bad_lines: dict[str, str]

    def lists(self, path):
        return sorted((path if path.is_dir() else path.parent).glob(self.train_list))

    def test_a_missing_video_is_counted(self, path):
        lost = formats.read(path).train[0].path
        count = sum(video.path == lost for video in videos(formats.read(path)))
        remove(lost)
        assert len(formats.read(path, DataSettings(missing=0.9)).missing) == self.gone + count

    def test_too_many_missing_videos_are_an_error(self, path):
        remove(formats.read(path).train[0].path)
        assert "listed videos are not there, such as" in told(path, DataSettings(missing=0.0))

    def test_no_video_at_all(self, path):
        for one in {video.path for video in videos(formats.read(path))}:
            remove(one)
        total = sum(self.clips.values()) + self.gone
        assert f"none of the {total} listed videos is there; expected such as" in told(path, DataSettings(missing=1))

    def test_a_list_that_is_no_text(self, path):
        file = self.lists(path)[0]
        line = file.read_bytes().count(b"\n") + 1
        file.write_bytes(file.read_bytes() + b"\xe4\xff\n")
        assert f"{file}:{line}: this list is not UTF-8 text" in told(path)

    def test_empty_lists(self, path):
        for file in self.lists(path):
            file.write_text("")
        assert "this list is empty" in told(path, DataSettings(format=self.name))

    def test_lines_that_make_no_sense(self, path):
        file = self.lists(path)[0]
        before = file.read_text(encoding="utf-8")
        for line, problem in self.bad_lines.items():
            file.write_text(f"{before}\n{line}\n", encoding="utf-8")
            error = told(path, DataSettings(missing=1))
            assert f"{file}:{before.count(chr(10)) + 2}: " in error and problem in error

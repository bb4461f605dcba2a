import os

import pytest

from nas.data import formats
from nas.data_settings import DataSettings
from nas.errors import NasError
from tests.data import fake_sets
from tests.data.formats.conformance import ListCase, told
from tests.data.formats.test_kinetics import touch

BAD = {
    "../../etc/a.mp4 0": "'../../etc/a.mp4' lies outside of the data folder",
    "/etc/a.mp4 0": "'/etc/a.mp4' lies outside of the data folder",
    "v/../../a.mp4 0": "'v/../../a.mp4' lies outside of the data folder",
    "v/a.mp4": "no label behind 'v/a.mp4'",
    "v/a.mp4 -1": "the label -1 is negative; number the classes from 0",
    "v/a.mp4 run": "the label 'run' is no number, and others are",
}


def lists(folder, lines, ending=".txt", sep=" "):
    """Lines of each split, and the videos that they name."""
    for split, some in lines.items():
        fake_sets.text(folder / f"{split}{ending}", [sep.join(map(str, pair)) for pair in some])
        touch(folder, *(str(pair[0]) for pair in some))
    return folder


class TestNumbers(ListCase):
    name = "list"
    clips = {"train": 4, "val": 2}
    classes = ("9", "10")
    train_list = "train.txt"
    bad_lines = BAD

    def write(self, folder):
        train = [(f"v/clip {number}.mp4", 9 + number % 2) for number in range(4)]
        return lists(folder, {"train": train, "val": [("v/e.MP4", 9), ("./v//f.mp4", 10)]})


class TestNames(ListCase):
    name = "list"
    clips = {"train": 4, "val": 2}
    classes = ("jump", "run fast")
    train_list = "something_train.csv"
    bad_lines = {**dict(list(BAD.items())[:4]), "v/a.mp4,": "no label"}

    def write(self, folder):
        train = [(f"v/a, b {number}.webm", ("run fast", "jump")[number % 2]) for number in range(4)]
        val = [("v/ä.avi", "run fast"), ("v/f.avi", "jump")]
        return lists(folder, {"something_train": train, "something_val": val}, ".csv", ",")


class TestFrames(ListCase):
    """Folders of frames, their numbers of frames, and names for the classes."""

    name = "list"
    clips = {"train": 4, "val": 2}
    classes = ("walk", "run")
    train_list = "kinetics400_train_list_rawframes.txt"
    bad_lines = {
        "../a 5 1": "lies outside of the data folder",
        "word": "no label behind 'word'",
        "0 5 7": "the label '7' is none of the 2 of label_map.txt",
    }

    def write(self, folder):
        for split, numbers in (("train", range(4)), ("val", range(4, 6))):
            lines = [f"class {number % 2}/my clip {number} 16 {number % 2}" for number in numbers]
            fake_sets.text(folder / f"kinetics400_{split}_list_rawframes.txt", lines)
            for number in numbers:
                touch(folder, f"rawframes_{split}/class {number % 2}/my clip {number}/img_00001.jpg")
        fake_sets.text(folder / "label_map.txt", ["walk", "run"])
        return folder


class TestTable(ListCase):
    """One table with a first line, of which a fifth of each class is held out."""

    name = "list"
    clips = {"train": 16, "val": 4}
    classes = ("even", "odd")
    train_list = "mine.csv"
    bad_lines = {"a.mp4": "has 1 columns where the header has 2", "a.mp4,": "no label", "..,odd": "lies outside"}

    def write(self, folder):
        files = [(f"{number}.mp4", ("even", "odd")[number % 2]) for number in range(20)]
        touch(folder, *(file for file, _ in files))
        fake_sets.text(folder / "mine.csv", ["path,label", *map(",".join, files)])
        return folder / "mine.csv"

    def test_no_video_at_all(self, path):
        for number in range(20):
            (path.parent / f"{number}.mp4").unlink()
        assert "none of the 20 listed videos is there" in told(path, DataSettings(missing=1))


@pytest.mark.parametrize(
    "line", ["v/a b.mp4 3", "v/a b.mp4,3", "v/a b.mp4\t3", "v/a b.mp4 ,\t 3", "\ufeffv/a b.mp4  3\r"]
)
def test_separators(tmp_path, line):
    lists(tmp_path, {"train": [("v/a b.mp4", 0)], "val": [("v/c.mp4", 3)]})
    (tmp_path / "train.txt").write_text(f"{line}\n", encoding="utf-8")
    found = formats.read(tmp_path)
    assert os.path.relpath(found.train[0].path, tmp_path) == "v/a b.mp4" and found.classes == ("3",)


def test_times_of_a_table_cut_its_videos(tmp_path):
    header = "path,label,time_start,time_end,split"
    fake_sets.text(tmp_path / "mine.csv", [header, "a.mp4,run,1,2.5,train", "a.mp4,run,4,5,val", "b.mp4,run,,,val"])
    touch(tmp_path, "a.mp4", "b.mp4")
    found = formats.read(tmp_path / "mine.csv")
    assert [(video.start, video.end) for video in (*found.train, *found.val)] == [(1, 2.5), (4, 5), (None, None)]
    fake_sets.text(tmp_path / "mine.csv", [header, "a.mp4,run,1,2.5,train", "a.mp4,run,5,4,val"])
    assert "mine.csv:3: time_end 4 is not after time_start 5" in told(tmp_path / "mine.csv")


def test_the_folder_with_the_most_of_the_listed_videos_counts(tmp_path):
    lists(tmp_path, {"train": [("a/1.mp4", 0), ("a/2.mp4", 1)], "val": [("a/1.mp4", 0), ("a/3.mp4", 1)]})
    for name in ("1", "2", "3"):
        (tmp_path / f"a/{name}.mp4").unlink()
    touch(tmp_path, "videos_train/a/1.mp4", "videos_train/a/2.mp4", "videos_val/a/1.mp4", "videos_val/a/3.mp4")
    found = formats.read(tmp_path)
    paths = [os.path.relpath(video.path, tmp_path) for video in (*found.train, *found.val)]
    assert paths == ["videos_train/a/1.mp4", "videos_train/a/2.mp4", "videos_val/a/1.mp4", "videos_val/a/3.mp4"]


def test_another_ending_than_listed_and_absolute_paths_inside(tmp_path):
    touch(tmp_path, "a/1.webm", "a/2/img_00001.jpg", "a/3.mp4", "a/3.webm", "a/1.json")
    fake_sets.text(tmp_path / "train.txt", ["a/1.mp4 0", "a/2.avi 0", f"{tmp_path}/a/3.webm 0"])
    fake_sets.text(tmp_path / "val.txt", ["a/3.mp4 0"])
    found = formats.read(tmp_path)
    paths = [os.path.relpath(video.path, tmp_path) for video in (*found.train, *found.val)]
    assert paths == ["a/1.webm", "a/2", "a/3.webm", "a/3.mp4"] and not found.missing


def test_links_inside_the_folder_count_and_dead_ones_are_missing(tmp_path):
    touch(tmp_path, "elsewhere/1.mp4", "set/2.mp4", "set/3.mp4")
    (tmp_path / "set/1.mp4").symlink_to(tmp_path / "elsewhere/1.mp4")
    (tmp_path / "set/dead.mp4").symlink_to(tmp_path / "elsewhere/none.mp4")
    fake_sets.text(tmp_path / "set/train.txt", ["1.mp4 0", "2.mp4 0", "dead.mp4 0"])
    fake_sets.text(tmp_path / "set/val.txt", ["3.mp4 0"])
    found = formats.read(tmp_path / "set")
    assert found.missing == ("dead.mp4",) and len(found.train) == 2


def test_a_test_list_is_left_aside_or_validates(tmp_path):
    some = [("a.mp4", 0)]
    lists(tmp_path, {"train": some, "val": [("b.mp4", 0)], "test": [("c.mp4", 0)]})
    found = formats.read(tmp_path)
    assert len(found.val) == 1 and "test.txt is not used: val.txt validates" in found.notes
    (tmp_path / "val.txt").unlink()
    found = formats.read(tmp_path)
    assert found.val[0].path.endswith("c.mp4") and "test.txt validates: there is no list for val" in found.notes


def test_several_lists_of_a_split_have_to_be_named(tmp_path):
    some = {f"ucf101_{split}_split_{n}_videos": [(f"{split}{n}.mp4", 0)] for split in ("train", "val") for n in (1, 2)}
    lists(tmp_path, some)
    assert "has 2 lists of one split: ucf101_train_split_1_videos.txt ucf101_train_split_2_videos.txt" in told(tmp_path)
    found = formats.read(tmp_path / "ucf101_train_split_2_videos.txt")
    assert [found.train[0].path[-10:], found.val[0].path[-8:]] == ["train2.mp4", "val2.mp4"]
    assert "add ucf101_train_split_3_videos.txt" not in told(tmp_path)
    (tmp_path / "ucf101_train_split_2_videos.txt").unlink()
    (tmp_path / "ucf101_train_split_1_videos.txt").unlink()
    (tmp_path / "ucf101_val_split_1_videos.txt").unlink()
    assert "but none for train; add ucf101_train_split_2_videos.txt" in told(tmp_path)


def test_classes_that_a_file_names_stay_without_videos(tmp_path):
    lists(tmp_path, {"train": [("a.mp4", 1)], "val": [("b.mp4", 1)]})
    fake_sets.text(tmp_path / "classInd.txt", ["1 run", "2 jump", "3 walk"])
    found = formats.read(tmp_path)
    assert found.classes == ("run", "jump", "walk") and found.train[0].labels == (0,)
    fake_sets.text(tmp_path / "classInd.txt", ["1 run", "1 jump"])
    assert "classInd.txt: two classes have the same number" in told(tmp_path)
    (tmp_path / "classInd.txt").write_text("\n")
    assert "classInd.txt: names no class" in told(tmp_path)


def test_lists_may_lie_elsewhere_than_the_videos(tmp_path):
    touch(tmp_path / "videos", *(f"v/{number}.mp4" for number in range(6)))
    absolute = [(tmp_path / "videos" / f"v/{number}.mp4", number % 2) for number in range(4)]
    train = [" ".join(map(str, pair)) for pair in absolute]
    fake_sets.text(tmp_path / "files" / "train.txt", train)
    fake_sets.text(tmp_path / "files" / "val.txt", ["v/4.mp4 0", "v/5.mp4 1"])
    with pytest.raises(NasError, match=r"train.txt:1: .* lies outside .* or name their folder as data.videos"):
        formats.read(tmp_path / "files")
    found = formats.read(tmp_path / "files", DataSettings(videos=str(tmp_path / "videos")))
    assert [os.path.basename(video.path) for video in found.train] == ["0.mp4", "1.mp4", "2.mp4", "3.mp4"]
    assert len(found.val) == 2 and not found.missing and found.root == str(tmp_path / "videos")


@pytest.mark.parametrize("lines", [["file,class,start", "videos/0.mp4,a,0"], ["videos/0.mp4;0"], [""]])
def test_lists_that_nobody_understands_are_not_taken_for_folders_of_classes(tmp_path, lines):
    touch(tmp_path, *(f"videos/{number}.mp4" for number in range(6)))
    for split in ("train", "val"):
        fake_sets.text(tmp_path / f"{split}.csv", lines)
    with pytest.raises(NasError, match=r"train.csv"):
        formats.read(tmp_path)


def test_a_list_beside_folders_of_videos_is_asked_for(tmp_path):
    touch(tmp_path, *(f"{folder}/{number}.mp4" for folder in ("one", "two") for number in range(3)))
    (tmp_path / "notes.txt").write_text("taken in May")
    assert formats.read(tmp_path).classes == ("one", "two")
    fake_sets.text(tmp_path / "everything.txt", [f"one/{number}.mp4 {number}" for number in range(3)])
    with pytest.raises(
        NasError, match=r"holds folders of videos and a list, everything.txt; name the list, .*/everyth"
    ):
        formats.read(tmp_path)
    assert formats.read(tmp_path, DataSettings(format="folders")).classes == ("one", "two")

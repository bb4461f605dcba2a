"""The formats of single data sets, on fakes of their releases."""

import json
import os

import pytest

from nas.data import formats
from nas.data_settings import DataSettings
from tests.data import fake_sets
from tests.data.formats.conformance import FormatCase, ListCase, told
from tests.data.formats.test_kinetics import below, touch


class TestSomethingV1(ListCase):
    name = "something-v1"
    clips = {"train": 16, "val": 8}
    classes = ("Holding something", "Moving something down", "Moving something up", "Turning something upside down")
    train_list = "something-something-v1-train.csv"
    bad_lines = {
        "5,Holding something": "'5,Holding something' is no line of this list; expected id;label",
        "../5;Holding something": "is no line of this list",
        "99;Holding somethin": "did you mean 'Holding something'?",
    }

    def write(self, folder):
        return fake_sets.write("ssv1", folder)


class TestSomethingV2(ListCase):
    name = "something-v2"
    clips = {"train": 12, "val": 6}
    classes = ("Holding something next to something", "Moving something down", "Moving something up")
    train_list = "labels/train.json"
    bad_lines = {"x": "not readable as JSON: Extra data"}

    def write(self, folder):
        return fake_sets.write("ssv2", folder)

    def test_empty_lists(self, path):
        (path / "labels/train.json").write_text("[]")
        assert "train.json: this list is empty" in told(path)

    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            ({"id": "1"}, "entry 2: has the keys id; expected id and template"),
            ("x", "entry 2: is no map"),
            ({"id": "../1", "template": "Moving [something] up"}, "entry 2: the id '../1' cannot be a file name"),
            ({"id": "1", "template": "Moving [nothing] up"}, "entry 2: the label 'Moving nothing up' is none of the 3"),
        ],
    )
    def test_entries_that_make_no_sense(self, path, entry, problem):
        clips = json.loads((path / "labels/train.json").read_text())
        (path / "labels/train.json").write_text(json.dumps([clips[0], entry]))
        assert problem in told(path)

    def test_the_names_of_the_older_release(self, path):
        for file in (path / "labels").iterdir():
            file.rename(path / f"something-something-v2-{file.name}")
        assert len(formats.read(path).train) == 12


class TestUCF101(ListCase):
    name = "ucf101"
    clips = {"train": 12, "val": 6}
    classes = ("ApplyEyeMakeup", "Archery", "YoYo")
    train_list = "ucfTrainTestlist/trainlist01.txt"
    bad_lines = {
        "v_x.avi 1": "'v_x.avi 1' is no line of this list; expected Class/file.avi",
        "../v_x.avi 1": "the label '..' is none of the 3 of classInd.txt",
        "Archery/../../v_x.avi 2": "lies outside of the data folder",
        "Archer/v_x.avi 2": "the label 'Archer' is none of the 3 of classInd.txt; did you mean 'Archery'?",
    }

    def write(self, folder):
        return fake_sets.write("ucf101", folder)


def test_ucf101_has_three_splits(tmp_path):
    path = fake_sets.write("ucf101", tmp_path / "ucf")
    first, second = formats.read(path), formats.read(path, DataSettings(format="ucf101:2"))
    assert [first.format, second.format, len(second.train)] == ["ucf101:1", "ucf101:2", 9]
    for named in (path / "UCF-101", path / "ucfTrainTestlist", path / "ucfTrainTestlist" / "trainlist02.txt"):
        assert len(formats.read(named).train) == (9 if named.suffix else 12)
    error = told(path, DataSettings(format="ucf101:3"))
    assert "has no trainlist03.txt; there is testlist01.txt testlist02.txt trainlist01.txt trainlist02.txt" in error


class TestHMDB51(ListCase):
    name = "hmdb51"
    clips = {"train": 12, "val": 6}
    classes = ("brush_hair", "cartwheel", "wave")
    train_list = "testTrainMulti_7030_splits/*_test_split1.txt"
    bad_lines = {
        "x.avi": "'x.avi' is no line of this list; expected 'file.avi 0', 1 or 2",
        "x.avi 3": "is no line of this list",
        "../../x.avi 1": "is no line of this list",
    }

    def write(self, folder):
        return fake_sets.write("hmdb51", folder)


def test_hmdb51_has_three_splits(tmp_path):
    path = fake_sets.write("hmdb51", tmp_path / "hmdb")
    lists = path / "testTrainMulti_7030_splits"
    for file in lists.glob("*_test_split2.txt"):
        file.write_text(file.read_text().replace(" 2 ", " 0 ").replace(" 1 ", " 2 ", 1))
    assert len(formats.read(path, DataSettings(format="hmdb51:2")).val) == 3
    assert (
        len(formats.read(lists / "wave_test_split2.txt").val) == 3 and len(formats.read(path / "hmdb51_org").val) == 6
    )
    assert "has no lists of split 4; write 1, 2 or 3" in told(path, DataSettings(format="hmdb51:4"))


class TestGym99(ListCase):
    name = "finegym"
    clips = {"train": 12, "val": 6}
    classes = ("(VT) round-off, flic-flac", "(FX) switch leap", "(BB) wolf jump")
    train_list = "annotations/gym99_train_element_v1.1.txt"
    bad_lines = {
        "abc_E_000001 0": "'abc_E_000001 0' is no line of this list; expected <video>_E_001234_001300_A_0003_0005",
        "abc_E_000001_000002_A_0001_0002 0": "has no times in the JSON file",
        "train_-00000_E_000000_000004_A_0000_0001 3": "the label '3' is none of the 3 of gym99_categories.txt",
        "train_-00000_E_000000_000004_A_0000_0001 -1": "the label -1 is negative",
    }

    def write(self, folder):
        return fake_sets.write("gym99", folder)


class TestGym288(TestGym99):
    train_list = "annotations/gym288_train_element_v1.1.txt"
    bad_lines = {"abc/d_E_000000_000004_A_0000_0001 0": "has no times in the JSON file"}

    def write(self, folder):
        return fake_sets.write("gym288", folder)


def test_finegym_cuts_elements_out_of_videos_and_events(tmp_path):
    path = fake_sets.write("gym99", tmp_path / "gym")
    found = formats.read(path)
    assert [(video.start, video.end) for video in list(found.train)[:4]] == [
        (0.25, 1.25),
        (1.25, 2.25),
        (2.25, 3.25),
        (4.25, 5.25),
    ]
    event = "train_-00000_E_000004_000008"
    touch(path, f"events/{event}.mp4", f"subactions/{event}_A_0001_0002.mp4")
    found = list(formats.read(path).train)[3:6]
    names = [(os.path.basename(video.path), video.start, video.end) for video in found]
    assert names == [(f"{event}.mp4", 0, 1), (f"{event}_A_0001_0002.mp4", None, None), (f"{event}.mp4", 2, 3)]


def test_finegym_without_its_times_finds_what_is_cut(tmp_path):
    path = fake_sets.write("gym288", tmp_path / "gym")
    (path / "annotations/finegym_annotation_info_v1.1.json").unlink()
    found = formats.read(path)
    assert len(found.train) == 12 and "only files cut to elements are found" in found.notes[0]


def test_finegym_with_both_sets_has_to_know_which(tmp_path):
    fake_sets.write("gym99", tmp_path)
    path = fake_sets.write("gym288", tmp_path)
    assert "has lists of gym288 and gym99; set format: finegym:gym288, or name a list" in told(path)
    assert formats.read(path, DataSettings(format="finegym:gym99")).format == "finegym:gym99"
    assert formats.read(path / "annotations/gym288_val_element.txt").format == "finegym:gym288"
    assert "no list of gym530 for train" in told(path, DataSettings(format="finegym:gym530"))


def test_finegym_times_that_make_no_sense(tmp_path):
    path = fake_sets.write("gym99", tmp_path / "gym")
    file = path / "annotations/finegym_annotation_info_v1.1.json"
    file.write_text(file.read_text().replace("[[2, 3.0]]", "[[3, 2.0]]", 1))
    assert "gym99_train_element_v1.1.txt:3: " in told(path) and "ends at 2 s and begins at 3 s" in told(path)
    file.write_text("[]")
    assert "is no map of videos to events" in told(path)


class TestMultiMoments(ListCase):
    name = "multilabel"
    clips = {"train": 16, "val": 8}
    classes = ("crafting", "pulling", "stirring", "tying")
    multilabel = True
    train_list = "annotations/trainingSet.csv"
    bad_lines = {
        "0-0/flickr-0.mp4,1,9": "the label '9' is none of the 4 of moments_categories.txt",
        "0-0/flickr-0.mp4,1,": "no label",
        "0-0/flickr-0.mp4": "no label behind",
        "../../x.mp4,1,2": "lies outside of the data folder",
    }

    def write(self, folder):
        return fake_sets.write("mmit", folder)


class TestSports1M(ListCase):
    name = "multilabel"
    clips = {"train": 12, "val": 6}
    classes = ("road bicycle racing", "track cycling", "bossaball")
    multilabel = True
    gone = 1
    train_list = "train_partition.txt"
    bad_lines = {
        "https://example.org/abc 1": "no id of a video in 'https://example.org/abc'",
        "https://www.youtube.com/watch?v=abc 3": "the label '3' is none of the 3 of labels.txt",
    }

    def write(self, folder):
        return fake_sets.write("sports1m", folder)


def test_addresses_with_one_label_each_are_a_list(tmp_path):
    touch(tmp_path, "v/-a_B.mp4", "v/c.mp4")
    fake_sets.text(tmp_path / "train.txt", ["https://youtu.be/-a_B 3", "https://youtube.com/watch?app=x&v=no&t=1 3"])
    fake_sets.text(tmp_path / "val.txt", ["https://www.youtube.com/embed/c 3"])
    found = formats.read(tmp_path)
    assert (found.format, found.multilabel, found.missing) == ("list", False, ("train/no.mp4",))
    assert below(tmp_path, found, [*found.train, *found.val]) == [("v/-a_B.mp4", "3"), ("v/c.mp4", "3")]


def test_several_names_between_spaces_or_commas(tmp_path):
    touch(tmp_path, "a.mp4", "b.mp4")
    fake_sets.text(tmp_path / "train.txt", ["a.mp4 3 1 2", "b.mp4 2"])
    fake_sets.text(tmp_path / "val.txt", ["b.mp4 7"])
    found = formats.read(tmp_path)
    assert [video.labels for video in found.train] == [(2, 0, 1), (1,)] and found.classes == ("1", "2", "3", "7")
    fake_sets.text(tmp_path / "train.txt", ["a.mp4,run fast, jump", "b.mp4,jump"])
    fake_sets.text(tmp_path / "val.txt", ["b.mp4,run fast"])
    found = formats.read(tmp_path)
    assert found.multilabel and [video.labels for video in found.train] == [(1, 0), (0,)]


class TestFolders(FormatCase):
    name = "folders"
    clips = {"train": 3, "val": 2}
    classes = ("a", "b", "empty")

    def write(self, folder):
        touch(folder, "train/b/1.mp4", "train/a/2.AVI", "train/a/notes.txt", "train/.git/x.mp4", "val/a/3.webm")
        touch(folder, "train/empty/notes.txt", "train/a/frames/1.jpg", "validation/x/1.mp4", "val/b/4.mp4")
        return folder


class TestFoldersWithoutSplits(FormatCase):
    name = "folders"
    clips = {"train": 18, "val": 5}
    classes = ("a", "b", "c", "d")

    def write(self, folder):
        touch(folder, *(f"{name}/{number}.mp4" for name in "ab" for number in range(10)))
        touch(folder, "c/1.mp4", "c/2.mp4", "d/1.mp4")
        return folder

    def test_the_seed_decides_what_validates(self, path):
        found, other = formats.read(path), formats.read(path, seed=1)
        assert [[video.labels[0] for video in found.val].count(kind) for kind in range(4)] == [2, 2, 1, 0]
        assert not {video.path for video in found.val} & {video.path for video in found.train}
        assert {video.path for video in found.val} != {video.path for video in other.val}


def test_folders_of_a_split_to_test(tmp_path):
    touch(tmp_path, "train/a/1.mp4", "train/a/2.mp4", "test/a/3.mp4")
    found = formats.read(tmp_path)
    assert below(tmp_path, found, found.val) == [("test/a/3.mp4", "a")]
    assert "test/ validates: there is no folder for val" in found.notes
    touch(tmp_path, "validation/a/4.mp4")
    found = formats.read(tmp_path)
    assert below(tmp_path, found, found.val) == [("validation/a/4.mp4", "a")] and "test/ is not used" in found.notes


def test_folders_with_nothing_to_validate(tmp_path):
    touch(tmp_path, "a/1.mp4", "b/1.mp4")
    assert "no clip is left to validate: each class has one" in told(tmp_path)
    touch(tmp_path / "two", "train/a/1.mp4", "val/a/notes.txt")
    assert f"{tmp_path}/two/val: no video in this folder; expected <class>/*.mp4" in told(tmp_path / "two")


def test_a_file_name_that_no_text_can_hold(tmp_path):
    touch(tmp_path, "a/1.mp4", "a/2.mp4")
    with open(os.fsencode(tmp_path) + b"/a/\xff.mp4", "wb"):
        pass
    assert "is not UTF-8; rename it" in told(tmp_path)

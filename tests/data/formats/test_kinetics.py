import os

import pytest

from nas.data import formats
from nas.data_settings import DataSettings
from tests.data import fake_sets
from tests.data.formats.conformance import ListCase, told

HEADER = "label,youtube_id,time_start,time_end,split"
NAMES = ("abseiling", "air drumming", "answering questions")


class TestKinetics(ListCase):
    name = "kinetics"
    clips = {"train": 12, "val": 6}
    classes = NAMES
    gone = 2
    train_list = "train.csv"
    bad_lines = {
        "a,b": "has 2 columns where the header has 5: 'a,b'",
        ",abc,1,11,train": "no label",
        "run,../../etc/passwd,,,train": "'../../etc/passwd' cannot be a file name",
        "run,,1,11,train": "cannot be a file name",
        "run,..,1,11,train": "cannot be a file name",
        "run,abc,soon,9,train": "'soon' is not a time in seconds",
        "run,abc,-1,9,train": "'-1' is not a time in seconds",
        "run,abc,9,1e30,train": "'1e30' is not a time in seconds",
        "run,abc,9,nan,train": "'nan' is not a time in seconds",
        "run,abc,9,9,train": "time_end 9 is not after time_start 9",
    }

    def write(self, folder):
        return fake_sets.write("kinetics", folder)


class TestMiniKinetics(TestKinetics):
    classes = ("abseiling", "air drumming", *(f"class {number}" for number in range(197)), "zumba")
    bad_lines = {"zumbaa,abc,1,11,train": "the label 'zumbaa' is none of the 200 of classes.txt; did you mean 'zumba'?"}

    def write(self, folder):
        return fake_sets.write("mini-k200", folder)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def below(folder, found, videos):
    return [(os.path.relpath(video.path, folder), found.classes[video.labels[0]]) for video in videos]


def write(folder, **lists):
    for name, rows in lists.items():
        (folder / f"{name}.csv").write_text("\n".join([HEADER, *rows]) + "\n")


def test_the_motion_set_is_read_like_any_kinetics_set(motion_folder):
    found = formats.read(motion_folder)
    assert (len(found.train), len(found.val), found.format) == (20, 10, "kinetics")
    assert len(found.classes) == 10 and found.classes == tuple(sorted(found.classes))
    assert found.missing == found.notes[1:] == () and found.train[0].start is None


def test_videos_are_found_by_split_by_class_and_flat(tmp_path):
    write(tmp_path, train=["run,aaa,1,11,train", "jump,bbb,2,12,train", "run,gone,3,13,train"])
    write(tmp_path, validate=["run,aaa,1,11,validate", "jump,ccc,5,15,validate"])
    touch(tmp_path, "train/aaa_000001_000011.mp4", "val/run/aaa_000001_000011.mp4", "train/jump/bbb.mkv", "ccc.mp4")
    found = formats.read(tmp_path)
    assert below(tmp_path, found, found.train) == [
        ("train/aaa_000001_000011.mp4", "run"),
        ("train/jump/bbb.mkv", "jump"),
    ]
    assert below(tmp_path, found, found.val) == [("val/run/aaa_000001_000011.mp4", "run"), ("ccc.mp4", "jump")]
    assert [(video.start, video.end) for video in found.train] == [(None, None), (2, 12)], "only an uncut file is cut"
    assert found.missing == ("train/gone_000003_000013.mp4",)


def test_a_folder_of_frames_is_a_video(tmp_path):
    write(tmp_path, train=["run,aaa,1,11,train"], val=["run,bbb,1,11,val"])
    touch(tmp_path, "frames/aaa_000001_000011/img_00001.jpg", "frames/bbb/img_00001.jpg", "frames/bbb/img_00002.jpg")
    found = formats.read(tmp_path)
    assert [os.path.relpath(found.train[0].path, tmp_path), found.train[0].start] == ["frames/aaa_000001_000011", None]
    assert [os.path.relpath(found.val[0].path, tmp_path), found.val[0].start] == ["frames/bbb", 1]


def test_columns_in_any_order_and_times_left_out(tmp_path):
    (tmp_path / "train.csv").write_text(
        '\ufeff\nis_cc,Label, youtube_id\n0,"run, fast",-a_Z\n\n1,"he said ""go""",b b\n'
    )
    (tmp_path / "val.csv").write_text("youtube_id,time_start,time_end,label\nc,,,run\n\nd,1.5,2.5,run\n")
    touch(tmp_path, "-a_Z.mp4", "b b.mp4", "c.mp4", "d.mp4")
    found = formats.read(tmp_path)
    assert found.classes == ('he said "go"', "run", "run, fast")
    assert [(video.start, video.end) for video in (*found.train, *found.val)] == [(None, None)] * 3 + [(1.5, 2.5)]


def test_one_list_with_a_column_for_the_split(tmp_path):
    splits = ["train", "validate", "train", "test", "val"]
    rows = [f"{'ab'[number % 2]},id{number},0,10,{split}" for number, split in enumerate(splits)]
    touch(tmp_path, *(f"videos/id{number}_000000_000010.mp4" for number in range(5)))
    write(tmp_path, kinetics=rows)
    path = tmp_path / "kinetics.csv"
    found = formats.read(path)
    assert [len(found.train), len(found.val), found.missing] == [2, 2, ()]
    assert found.notes[0] == "clips of the split test, not used: 1"
    write(tmp_path, kinetics=[row.replace("validate", "vali") for row in rows])
    assert f"{path}:3: the split 'vali' of a video is unknown; write one of train" in told(path)
    write(tmp_path, kinetics=[row.replace("train", "test") for row in rows])
    assert "lists no video for train" in told(path)
    write(tmp_path, kinetics=[row.replace("validate", "test").replace("val", "test") for row in rows])
    found = formats.read(path)
    assert (
        len(found.val) == 3 and "clips of the split test, used to validate, as there is none of val: 3" in found.notes
    )


@pytest.mark.parametrize("name", ["name,class\nabc,run\n", "label,youtube_id,label\nrun,abc,x\n"])
def test_wrong_columns(tmp_path, name):
    (tmp_path / "train.csv").write_text(name)
    (tmp_path / "val.csv").write_text(name)
    error = told(tmp_path, DataSettings(format="kinetics"))
    assert f"{tmp_path}/train.csv: has " in error and name.split("\n")[0] in error


def test_lists_in_a_folder_of_their_own(tmp_path):
    write(tmp_path, kinetics400_train=["run,a,0,10,train"], kinetics400_val=["run,b,0,10,val"])
    for name in ("kinetics400_train.csv", "kinetics400_val.csv"):
        (tmp_path / "annotations").mkdir(exist_ok=True)
        (tmp_path / name).rename(tmp_path / "annotations" / name)
    touch(tmp_path, "videos_train/a_000000_000010.mp4", "videos_val/b_000000_000010.mp4")
    for path in (tmp_path, tmp_path / "annotations", tmp_path / "annotations" / "kinetics400_train.csv"):
        found = formats.read(path)
        assert (found.root, len(found.train), len(found.val)) == (str(tmp_path), 1, 1)

import os

import pytest

from nas.data import lists
from nas.errors import NasError


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x")


def below(folder, videos):
    return [(os.path.relpath(video.path, folder), video.label) for video in videos]


def test_the_motion_set_is_read_like_any_kinetics_set(motion_set):
    assert len(motion_set.train), len(motion_set.val) == (20, 10)
    assert len(motion_set.classes) == 10 and motion_set.classes == tuple(sorted(motion_set.classes))
    assert motion_set.missing == () and motion_set.train[0].start is None


def test_a_folder_for_each_split_and_class(tmp_path):
    touch(tmp_path, "train/b/1.mp4", "train/a/2.AVI", "train/a/notes.txt", "train/.git/x.mp4", "val/a/3.webm")
    found = lists.read(tmp_path)
    assert found.classes == ("a", "b")
    assert below(tmp_path, found.train) == [("train/a/2.AVI", "a"), ("train/b/1.mp4", "b")]
    assert below(tmp_path, found.val) == [("val/a/3.webm", "a")]


def test_a_folder_for_each_class_holds_out_a_fifth_that_the_seed_decides(tmp_path):
    touch(tmp_path, *(f"{name}/{i}.mp4" for name in "ab" for i in range(10)), "c/1.mp4", "c/2.mp4", "d/1.mp4")
    found = lists.read(tmp_path)
    held = [video.label for video in found.val]
    assert [held.count(name) for name in "abcd"] == [2, 2, 1, 0]
    assert not {v.path for v in found.val} & {v.path for v in found.train} and len(found.train) == 18
    assert found == lists.read(tmp_path) != lists.read(tmp_path, seed=1)


def test_an_empty_class_stays_a_class(tmp_path):
    touch(tmp_path, "a/1.mp4", "a/2.mp4", "b/notes.txt")
    assert lists.read(tmp_path).classes == ("a", "b")


def test_kinetics_videos_are_found_by_split_by_class_and_flat(tmp_path):
    rows = "label,youtube_id,time_start,time_end,split\n"
    (tmp_path / "train.csv").write_text(f"{rows}run,aaa,1,11,train\njump,bbb,2,12,train\nrun,gone,3,13,train\n")
    (tmp_path / "validate.csv").write_text(f"{rows}run,aaa,1,11,validate\njump,ccc,5,15,validate\n")
    touch(
        tmp_path,
        "train/aaa_000001_000011.mp4",
        "val/run/aaa_000001_000011.mp4",
        "train/jump/bbb.mkv",
        "ccc.mp4",
    )
    found = lists.read(tmp_path)
    assert below(tmp_path, found.train) == [
        ("train/aaa_000001_000011.mp4", "run"),
        ("train/jump/bbb.mkv", "jump"),
    ]
    assert below(tmp_path, found.val) == [("val/run/aaa_000001_000011.mp4", "run"), ("ccc.mp4", "jump")]
    assert [(v.start, v.end) for v in found.train] == [(None, None), (2, 12)], "only an uncut file is cut"
    assert found.missing == ("train/gone_000003_000013.mp4",)


def test_plain_lists_order_numbered_classes_as_numbers(tmp_path):
    (tmp_path / "train.txt").write_text("v/a.mp4 10\nv/b.mp4 9\n")
    (tmp_path / "val.txt").write_text("v/c.mp4 9\nv/gone.mp4 9\n")
    touch(tmp_path, "v/a.mp4", "v/b.mp4", "v/c.mp4")
    found = lists.read(tmp_path)
    assert found.classes == ("9", "10") and found.missing == (str(tmp_path / "v/gone.mp4"),)


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ([], "no video in this folder; expected <class>/*.mp4"),
        (["a/notes.txt"], "no video in this folder"),
        (["train/a/1.mp4"], "has train, but none for val; add val"),
        (["val.csv"], "has val.csv, but none for train; add train.csv"),
    ],
)
def test_a_folder_without_a_data_set(tmp_path, names, problem):
    touch(tmp_path, *names)
    with pytest.raises(NasError) as error:
        lists.read(tmp_path)
    assert problem in str(error.value) and str(tmp_path) in str(error.value)


def test_none_of_the_listed_videos_there(tmp_path):
    for name in ("train", "val"):
        (tmp_path / f"{name}.csv").write_text("label,youtube_id\nrun,abc\n")
    with pytest.raises(NasError, match="none of the 2 listed videos is there; expected such as train/abc.mp4"):
        lists.read(tmp_path)


def test_missing_folder_and_file_in_its_place(tmp_path):
    with pytest.raises(NasError, match="no such data folder"):
        lists.read(tmp_path / "none")
    touch(tmp_path, "a.mp4")
    with pytest.raises(NasError, match="this is a file; a folder or a list is expected"):
        lists.read(tmp_path / "a.mp4")
    with pytest.raises(NasError, match="cannot be read: File name too long"):
        lists.read("x" * 300)


def test_one_list_with_a_column_for_the_split(tmp_path):
    rows = ["label,youtube_id,time_start,time_end,split"]
    for number, split in enumerate(["train", "validate", "train", "test", "val"]):
        rows.append(f"{'ab'[number % 2]},id{number},0,10,{split}")
        touch(tmp_path, f"videos/id{number}_000000_000010.mp4")
    (tmp_path / "kinetics.csv").write_text("\n".join(rows))
    found = lists.read(tmp_path / "kinetics.csv")
    assert [len(found.train), len(found.val), found.missing] == [2, 2, ()]
    (tmp_path / "kinetics.csv").write_text("\n".join(rows).replace("validate", "vali"))
    with pytest.raises(NasError, match="the split 'vali' of a video is unknown"):
        lists.read(tmp_path / "kinetics.csv")
    (tmp_path / "kinetics.csv").write_text("\n".join(rows).replace("train", "test"))
    with pytest.raises(NasError, match="lists no video for train"):
        lists.read(tmp_path / "kinetics.csv")


def test_one_list_without_a_split_holds_a_fifth_out(tmp_path):
    for number in range(20):
        touch(tmp_path, f"{number}.mp4")
    (tmp_path / "mine.csv").write_text("path,label\n" + "\n".join(f"{n}.mp4,{n % 2}" for n in range(20)))
    found, again = (lists.read(tmp_path / "mine.csv") for _ in range(2))
    assert found == again
    assert (len(found.train), len(found.val)) == (16, 4)
    assert not {v.path for v in found.train} & {v.path for v in found.val}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    touch(tmp_path, "a/1.mp4")
    (tmp_path / "a").chmod(0)
    with pytest.raises(NasError, match="no permission"):
        lists.read(tmp_path)
    (tmp_path / "a").chmod(0o700)

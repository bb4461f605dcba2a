import os
import subprocess
import sys

import numpy as np
import pytest

from nas.data import formats
from nas.data.lists import places
from nas.data.lists.listing import Listing, Rows
from nas.data_settings import DataSettings
from nas.errors import NasError
from tests.data import fake_sets
from tests.data.formats.conformance import told
from tests.data.formats.test_kinetics import touch


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        ([], "no video in this folder; expected <class>/*.mp4"),
        ([], "there is nothing"),
        (["a/notes.txt"], "no video in this folder"),
        (["a.mp4", "b/c/d.mp4", "test.csv"], "there is a.mp4 b/ test.csv"),
        ([f"{number}.mp4" for number in range(9)], "there is 0.mp4 1.mp4 2.mp4 3.mp4 4.mp4 and 4 more"),
        (["train/a/1.mp4"], "has train, but none for val; add val"),
        (["val.csv"], "has val.csv, but none for train; add train.csv"),
        (["train.csv", "val.csv"], "train.csv: has the columns x; expected label,youtube_id[,time_start"),
    ],
)
def test_a_folder_without_a_data_set(tmp_path, names, problem):
    touch(tmp_path, *names)
    error = told(tmp_path)
    assert problem in error and str(tmp_path) in error


def test_empty_lists_and_lists_of_no_form(tmp_path):
    fake_sets.text(tmp_path / "train.csv", ["name,class", "abc,run"])
    fake_sets.text(tmp_path / "val.csv", ["name,class", "abc,run"])
    assert "train.csv: has the columns name,class; expected label,youtube_id" in told(tmp_path)
    assert "or name its format: finegym folders hmdb51 kinetics list multilabel" in told(tmp_path)
    (tmp_path / "train.csv").write_text("\n\n")
    assert "train.csv: this list is empty" in told(tmp_path)
    (tmp_path / "mine.txt").write_text("")
    assert "mine.txt: this list is empty" in told(tmp_path / "mine.txt")
    (tmp_path / "train.csv").write_text("label,youtube_id")
    fake_sets.text(tmp_path / "val.csv", ["label,youtube_id", "run,abc"])
    assert "train.csv: this list is empty" in told(tmp_path)


def test_a_list_in_another_encoding(tmp_path):
    (tmp_path / "train.csv").write_bytes("label,youtube_id\nrun,abc\n".encode("utf-16"))
    (tmp_path / "val.csv").write_bytes(b"label,youtube_id\nrun,abc\n")
    for path in (tmp_path, tmp_path / "train.csv"):
        assert "train.csv:1: this list is not UTF-8 text; save it as UTF-8" in told(path)


def test_missing_folder_and_file_in_its_place(tmp_path):
    assert "no such data folder; give a folder of videos, or 'motion'" in told(tmp_path / "none")
    touch(tmp_path, "a.mp4")
    assert "this is a file; a folder or a list is expected; try" in told(tmp_path / "a.mp4")
    assert "cannot be read: File name too long" in told("x" * 300)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    touch(tmp_path, "a/1.mp4")
    (tmp_path / "a").chmod(0)
    assert "no permission" in told(tmp_path)
    (tmp_path / "a").chmod(0o700)


def test_a_permission_that_is_refused_is_told(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", "some/folder")

    monkeypatch.setattr(formats.reading.registry, "recognised", refused)
    assert told(tmp_path) == "some/folder: no permission to read this"


def test_an_unknown_format_and_a_variant_where_there_is_none(tmp_path):
    error = told(tmp_path, DataSettings(format="kinetcs"))
    assert "the list format 'kinetcs' is unknown; did you mean 'kinetics'? Known: finegym folders" in error
    assert "the list format 'list' has no variants, and 'list:2' names one" in told(
        tmp_path, DataSettings(format="list:2")
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("ucf101", "no trainlist01.txt; expected here, or in ucfTrainTestlist there or beside it"),
        ("hmdb51", "no <class>_test_split1.txt; expected here"),
        ("finegym", "no gym99_train_element_v1.1.txt; expected here or in annotations/"),
        ("kinetics", "no lists with train and val in their names; expected such as train.csv and val.csv"),
        ("list", "no lists with train and val in their names"),
        ("multilabel", "no lists with train and val in their names"),
        ("something-v1", "no lists with train and val in their names"),
        ("something-v2", "no lists with train and val in their names; expected such as train.json and val.json"),
    ],
)
def test_a_named_format_that_is_not_there(tmp_path, name, problem):
    touch(tmp_path, "a/1.mp4", "a/2.mp4")
    assert problem in told(tmp_path, DataSettings(format=name))


def listed(folder, missing, total=10):
    fake_sets.text(folder / "train.txt", [f"{number}.mp4 0" for number in range(total - 1)])
    fake_sets.text(folder / "val.txt", ["val.mp4 0"])
    touch(folder, "val.mp4", *(f"{number}.mp4" for number in range(missing, total - 1)))
    return folder


def test_missing_videos_are_fatal_above_a_share(tmp_path):
    listed(tmp_path, 5)
    found = formats.read(tmp_path)
    assert found.missing == ("0.mp4", "1.mp4", "2.mp4", "3.mp4", "4.mp4") and len(found.train) == 4
    error = told(tmp_path, DataSettings(missing=0.45))
    assert "5 of 10 listed videos are not there, such as 0.mp4; add them, or set missing: 0.5 in data of the" in error
    assert len(formats.read(tmp_path, DataSettings(missing=0.5)).missing) == 5
    (tmp_path / "val.mp4").unlink()
    error = told(tmp_path, DataSettings(missing=1))
    assert "none of the 1 listed videos for val is there; expected such as val.mp4" in error


def test_the_same_file_may_be_gone_and_come_back_without_moving_the_others(tmp_path):
    fake_sets.text(tmp_path / "mine.csv", ["path,label", *(f"{n}.mp4,{n % 2}" for n in range(40))])
    touch(tmp_path, *(f"{number}.mp4" for number in range(40)))
    before = {video.path for video in formats.read(tmp_path / "mine.csv").val}
    for number in range(0, 10):
        (tmp_path / f"{number}.mp4").unlink()
    after = {video.path for video in formats.read(tmp_path / "mine.csv").val}
    assert after == {path for path in before if os.path.exists(path)} and len(before) == 8


def test_rows_of_one_video_are_held_out_together(tmp_path):
    fake_sets.text(tmp_path / "mine.csv", ["path,label", *(f"{n % 10}.mp4,run" for n in range(50))])
    touch(tmp_path, *(f"{number}.mp4" for number in range(10)))
    found = formats.read(tmp_path / "mine.csv")
    assert (len(found.train), len(found.val)) == (40, 10)
    assert not {video.path for video in found.train} & {video.path for video in found.val}


def test_a_format_of_ones_own_is_asked_first(tmp_path):
    @formats.list_format("own", recognise=lambda path: (path / "own.txt").is_file(), variants="a number")
    def read(path, settings):
        """Names of videos."""
        rows = Rows.of(["1.mp4", "2.mp4"], [["run", "jump"], ["run"]], source=str(path / "own.txt"))
        return Listing(path, rows, rows.take(np.array([1])), multilabel=True, variant="7", notes=("mine",))

    try:
        touch(tmp_path, "own.txt", "1.mp4", "2.mp4", "a/1.mp4", "a/2.mp4")
        found = formats.read(tmp_path)
        assert (found.format, found.classes, found.notes[0]) == ("own:7", ("jump", "run"), "mine")
        assert [video.labels for video in found.train] == [(1, 0), (1,)]
        assert formats.find("own:3").summary == "Names of videos." and not formats.find("own").built_in
        with pytest.raises(NasError, match="the list format 'own' exists already"):
            formats.list_format("own", recognise=bool)(read)
        with pytest.raises(NasError, match="cannot be called 'a:b'"):
            formats.list_format("a:b", recognise=bool)(read)
    finally:
        formats.FORMATS.pop("own")


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("train.csv", "train"), ("validate.csv", "val"), ("something-something-v1-validation.csv", "val"),
        ("kinetics400_train_list_videos.txt", "train"), ("something_test.txt", "test"), ("trainingSet.csv", "train"),
        ("Valid.txt", "val"), ("trainlist01.txt", ""), ("interval.csv", ""), ("constraints.txt", ""),
        ("train_val.txt", ""), ("trainval.txt", ""), ("mine.csv", ""),
    ],
)  # fmt: skip
def test_the_split_that_a_name_tells(name, split):
    assert places.split_of(name) == split


def test_importing_needs_neither_pyarrow_nor_av_nor_pandas():
    code = "import sys, nas.data.formats, nas.data.review; print(*{name.split('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"pyarrow", "av", "pandas", "torch"} & set(done.stdout.split())


def test_the_plain_name_wins_over_others(tmp_path):
    for name in ("train", "my_train", "val", "validation"):
        fake_sets.text(tmp_path / f"{name}.txt", [f"{name}.mp4 0"])
        touch(tmp_path, f"{name}.mp4")
    found = formats.read(tmp_path)
    assert [found.train[0].path, found.val[0].path] == [str(tmp_path / "train.mp4"), str(tmp_path / "val.mp4")]

"""What an inspection comes to, counted again by hand."""

import csv
from collections import Counter

import numpy as np
import pytest

from nas.data import findings
from nas.data.inspection import BEYOND, Files, Inspection
from nas.data.videos import Labels, Videos, VideoSet
from nas.data_settings import DataSettings
from nas.errors import NasError
from tests import real_set

ROWS = real_set.TRAIN + real_set.VAL


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return real_set.read(tmp_path_factory.mktemp("a set with späces"))


@pytest.fixture
def lines(found, tmp_path):
    findings.write(tmp_path / "check.csv", found)
    with open(tmp_path / "check.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def made_up(seconds, labels=None, start=None, end=None, train=None):
    """An inspection of files that are there in name only, of so many seconds; NaN for files not looked into."""
    seconds = np.asarray(seconds, float)
    n = len(seconds)
    files = Files.unknown(np.array([f"/set/{i}.mp4" for i in range(n)], dtype=np.dtypes.StringDType()))
    files.looked_at[:], files.seconds[:] = ~np.isnan(seconds), seconds
    videos = Videos.of(files.paths, Labels.single(labels or [0] * n), start, end)
    train = n if train is None else train
    parts = videos.take(np.arange(train)), videos.take(np.arange(train, n))
    return Inspection(VideoSet("set", "/set", "list", ("a", "b"), *parts), DataSettings(), files, np.arange(n))


def test_the_list_has_a_row_for_every_file_and_every_missing_one(found, lines):
    paths = [found.short(line["path"]) for line in lines]
    assert paths == [*real_set.MISSING, *(name for name, _, _ in ROWS)]
    gone, there = lines[: len(real_set.MISSING)], lines[len(real_set.MISSING) :]
    assert {line["problem"] for line in gone} == {"not there"}
    assert [bool(line["problem"]) for line in there] == [bool(wrong) for _, _, wrong in ROWS]
    assert [line["label"] for line in there] == [real_set.CLASSES[label] for _, label, _ in ROWS]
    assert Counter(line["split"] for line in there) == {"train": len(real_set.TRAIN), "val": len(real_set.VAL)}
    copies = {found.short(line["path"]): found.short(line["duplicate_of"]) for line in there if line["duplicate_of"]}
    assert copies == real_set.COPIES
    (fast,) = (line for line in there if line["path"].endswith("fast.mp4"))
    facts = {name: fast[name] for name in ("seconds", "width", "height", "rate", "codec")}
    assert facts == {"seconds": "0.9375", "width": "48", "height": "32", "rate": "32", "codec": "h264"}


def test_a_list_of_a_sample_has_the_files_that_were_looked_into():
    rows = list(findings.rows(made_up([1, np.nan, 3])))
    assert [row[findings.COLUMNS.index("path")] for row in rows] == ["/set/0.mp4", "/set/2.mp4"]


def test_several_labels_stand_in_one_cell():
    videos = Videos.of(["/set/0.mp4"], Labels.several([(1, 0)]))
    one = VideoSet("set", "/set", "list", ("a", "b"), videos, videos.take(np.arange(0)), multilabel=True)
    found = Inspection(one, DataSettings(), made_up([1]).files, np.arange(1))
    assert [row[findings.COLUMNS.index("label")] for row in findings.rows(found)] == ["b; a"]


def test_a_list_that_cannot_be_written_is_one_line(tmp_path):
    with pytest.raises(NasError, match="No such file or directory.*--out"):
        findings.write(tmp_path / "gone" / "check.csv", made_up([1]))


def test_problems_are_counted_by_reason(found):
    rows = findings.problems(found)
    assert sum(row.count for row in rows) == sum(bool(wrong) for _, _, wrong in ROWS)
    counted = Counter(str(problem) for problem in found.problems if problem)
    assert {row.reason: row.count for row in rows} == counted
    assert [row.count for row in rows] == sorted(counted.values(), reverse=True)
    for row in rows:
        at = [video.path for video in (*found.set.train, *found.set.val)].index(row.example)
        assert found.problems[at] == row.reason


def test_duplicates_are_counted(found):
    equal = findings.duplicates(found)
    assert (equal.groups, equal.more, equal.crossing, equal.leaked, equal.disagreeing) == (1, 2, 1, 1, 1)
    assert tuple(map(found.short, equal.example)) == ("val/a copy.mp4", "train/plain/a.mp4"), "across the splits first"
    assert findings.duplicates(made_up([1, 2])) == findings.Duplicates(0, 0, 0, 0, 0)


def test_durations_by_hand():
    seconds = [1, 2, 3, 4, 10]
    spent = findings.durations(made_up(seconds))
    assert (spent.least, spent.median, spent.most, spent.total) == (1, 3, 10, 20)
    assert (spent.low, spent.high) == pytest.approx((1.2, 8.8))
    assert findings.durations(made_up([np.nan] * 3)) is None


def test_the_duration_of_a_set_is_told_from_a_sample():
    assert findings.durations(made_up([4, np.nan, 2, np.nan])).total == 12


def test_what_is_cut_out_beyond_the_end_counts_for_nothing():
    found = made_up([4, 4, 4], start=[0, 5, np.nan], end=[3, 6, np.nan])
    assert found.problems.tolist() == ["", BEYOND, ""]
    assert findings.durations(found).total == 7


def test_kinds_are_sorted_by_how_often_they_are_there():
    found = made_up([1] * 6)
    found.files.width[:], found.files.height[:] = [4, 8, 8, 8, 4, 2], [3, 6, 6, 6, 3, 4]
    found.files.rate[:] = [25, 29.97002997, 29.97, 25, 25, np.nan]
    assert findings.resolutions(found) == [("8x6", 3), ("4x3", 2), ("2x4", 1)]
    assert findings.rates(found) == [("25", 3), ("29.97", 2)]
    assert findings.common(np.array(["b", "a", "b"])) == [("b", 2), ("a", 1)]


def test_clips_per_class():
    found = made_up([1] * 4, labels=[1, 1, 0, 1], train=3)
    assert findings.per_class(found.set.train, found.set.classes).tolist() == [1, 2]
    assert findings.per_class(found.set.val, found.set.classes).tolist() == [0, 1]

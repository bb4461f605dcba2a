import pytest

from nas.data.review import review
from nas.data.videos import Video, Videos, VideoSet


def video_set(train, val, classes="ab", **more):
    splits = (Videos.listed(Video(*video) for video in videos) for videos in (train, val))
    return VideoSet("mine", "/set", "list", tuple(classes), *splits, **more)


GOOD = [("1", (0,)), ("2", (1,)), ("3", (0,)), ("4", (1,))]


def test_a_set_as_it_should_be_has_no_notes():
    assert review(video_set(GOOD, [("5", (0,)), ("6", (1,))])) == ()
    cut = [("1", (0,), 0.0, 1.0), ("1", (0,), 1.0, 2.0), ("2", (1,), 0.0, 1.0)]
    assert review(video_set(cut, [("1", (0,), 2.0, 3.0), ("2", (1,), 1.0, 2.0)])) == ()


@pytest.mark.parametrize(
    ("train", "val", "classes", "note"),
    [
        (GOOD, [("5", (0,)), ("6", (1,))], "abc", "1 class without any video: c"),
        (GOOD, [("5", (0,)), ("6", (1,))], "abcdefg", "5 classes without any video: c, d, e and 2 more"),
        (GOOD, [("5", (0,)), ("6", (1,)), ("7", (2,))], "abc", "1 class with one clip: c"),
        (GOOD, [("5", (0,)), ("6", (0,))], "ab", "1 class with clips to train and none to validate: b"),
        (
            GOOD[::2],
            [("5", (0,)), ("6", (1,)), ("7", (1,))],
            "ab",
            "1 class with clips to validate and none to train: b",
        ),
        (GOOD, [("1", (0,)), ("2", (1,)), ("7", (1,))], "ab", "2 videos are in both train and val, such as "),
        ([*GOOD, GOOD[0], GOOD[0]], [("5", (0,)), ("6", (1,))], "ab", "2 rows of train repeat a clip, such as 1"),
        (GOOD, [("5", (0,)), ("6", (1,)), ("6", (1,))], "ab", "1 row of val repeats a clip, such as 6"),
        (
            [("1", (0,)), ("2", (1,))],
            [("3", (2,)), ("4", (3,))],
            "abcd",
            "train and val share 0 of 4 classes: are these",
        ),
        (
            GOOD,
            [("5", (0,)), ("6", (1,))],
            "27",
            "the class numbers have gaps: 6 numbers are missing from 0 to 7, such as 0",
        ),
        (
            GOOD,
            [("5", (0,)), ("6", (1,))],
            "02",
            "the class numbers have gaps: 1 number is missing from 0 to 2, such as 1",
        ),
    ],
)
def test_what_is_odd_is_told_with_its_count(train, val, classes, note):
    assert [told for told in review(video_set(train, val, classes)) if told.startswith(note)]


def test_several_labels_count_for_each_class():
    found = review(video_set([("1", (0, 1)), ("2", (0, 1))], [("3", (0,)), ("4", (0, 1))], multilabel=True))
    assert found == ()

import pytest

from nas.data import labels
from nas.errors import NasError


def parse(tmp_path, text, name="train.csv"):
    path = tmp_path / name
    path.write_text(text)
    return labels.read(path)


def test_kinetics_columns_in_any_order_with_and_without_the_optional_ones(tmp_path):
    full = parse(tmp_path, 'is_cc,label,youtube_id,time_start,time_end,split\n0,"run, fast",-a_Z,19,29,train\n')
    assert full == [labels.Line("run, fast", names=("-a_Z_000019_000029", "-a_Z"), start=19, end=29, split="train")]
    assert parse(tmp_path, "youtube_id,label\nabc,run\n\n") == [labels.Line("run", names=("abc",))]


@pytest.mark.parametrize("text", ["sub/a b.mp4 3\n", "sub/a b.mp4,3\n", "path,label\nsub/a b.mp4,3\n"])
def test_plain_lines(tmp_path, text):
    assert parse(tmp_path, text) == [labels.Line("3", file=str(tmp_path / "sub" / "a b.mp4"))]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name,class\nabc,run\n", "has the columns name,class; expected label,youtube_id"),
        (
            "label,youtube_id\nrun,../../etc/passwd\n",
            ":2: youtube_id '../../etc/passwd' cannot be a file name",
        ),
        ("../../etc/a.mp4 run\n", ":1: '../../etc/a.mp4' lies outside of the data folder"),
        ("/etc/a.mp4 run\n", ":1: '/etc/a.mp4' lies outside of the data folder"),
        ("label,youtube_id\n\n,abc\n", ":3: no label"),
        ("label,youtube_id,time_start,time_end\nrun,abc,soon,9\n", ":2: 'soon' is not a time in seconds"),
        ("label,youtube_id,time_start,time_end\nrun,abc,9,9\n", ":2: time_end 9 is not after time_start 9"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(tmp_path, text, problem):
    with pytest.raises(NasError) as error:
        parse(tmp_path, text)
    assert problem in str(error.value) and str(tmp_path) in str(error.value)


def test_a_list_that_is_no_text(tmp_path):
    (tmp_path / "train.csv").write_bytes(b"\xff\xfe\x00label")
    with pytest.raises(NasError, match="not UTF-8"):
        labels.read(tmp_path / "train.csv")

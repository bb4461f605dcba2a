"""Reading YAML strictly: what is refused, with which line, and what survives a round trip."""

import pytest

from nas.errors import NasError
from nas.strict_yaml import at, dump, files, parse, plain, read


@pytest.mark.parametrize(
    ("text", "line", "word"),
    [
        ("a: 1\na: 2", 2, "twice"),
        ("x: 010", 1, "010"),
        ("a: 1\nx: 1e9", 2, "1e9"),
        ("x: 12:30:45", 1, "12:30:45"),
        ("x: yes", 1, "yes"),
        ("x: 0x1F", 1, "0x1F"),
        ("x: 1_000", 1, "1_000"),
        ("x: 2026-01-01", 1, "2026"),
        ("a: {<<: {b: 1}}", 1, "merge"),
        ("a: &a [*a]", 1, "itself"),
        ("\n\nx: !foo 1", 3, "!foo"),
        ("x: !!python/object:os.system 1", 1, "tag"),
        ("x: !!set {a}", 1, "tag"),
        ("x: !!str 1", 1, "tag"),
        ("? [a]\n: 1", 1, "key"),
        ("a: [1,", 1, ""),
        ("a: 1\n---\nb: 2", 2, "document"),
        ("[" * 100, 1, "deep"),
    ],
)
def test_refuses_with_the_line(text, line, word):
    with pytest.raises(NasError) as caught:
        parse(text, name="f.yaml", tags=("!choice",))
    assert str(caught.value).startswith(f"f.yaml:{line}: ")
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_alias_bomb_is_refused_quickly():
    levels = [f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(NasError, match="aliases expand"):
        parse("\n".join(["a0: &a0 [x,x,x,x,x,x,x,x,x]", *levels]))


def test_large_files_and_folders_are_refused(tmp_path):
    (tmp_path / "big.yaml").write_text("# " + "x" * (1 << 20))
    for path, word in (
        (tmp_path / "big.yaml", "larger"),
        (tmp_path, "folder"),
        (tmp_path / "no.yaml", "no such"),
    ):
        with pytest.raises(NasError, match=word):
            read(path)


def test_binary_is_refused(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(NasError, match="not a text file"):
        read(tmp_path / "x.yaml")


def test_scalars_mean_what_they_look_like():
    text = "{a: 1, b: -2.5, c: true, d: null, e: text, f: '010', g: 1e-4, h: ~, i: '1', j: 3 x 3}"
    assert plain(parse(text)) == {
        "a": 1, "b": -2.5, "c": True, "d": None, "e": "text", "f": "010", "g": 1e-4, "h": None, "i": "1", "j": "3 x 3"
    }  # fmt: skip


def test_an_alias_is_the_same_item():
    item = parse("{a: &x {b: 1}, c: *x, d: {b: 1}}")
    assert item.value["a"] is item.value["c"] is not item.value["d"]
    assert item.value["a"].anchor == "x"


def test_line_of_goes_as_deep_as_it_can():
    item = parse("a:\n  - b: 1\n  - c: 2\n")
    assert at(item, ("a", 1, "c")).line == 3
    assert at(item, ("a", 1, "missing")).line == 3
    assert at(item, ("a", 7)).line == 2


@pytest.mark.parametrize(
    "value",
    [
        {
            "a": [1, 2, {"b": "010"}],
            "y": "yes",
            "n": None,
            "t": True,
            "f": 0.1,
            "s": "1",
            "e": "1e9",
            "d": "12:30:45",
        },
        {"x": 1e-07},
    ],
)
def test_dump_reads_back(value):
    assert plain(parse(dump(value))) == value


INCLUDE = ("!include",)


def test_an_included_file_stands_in_its_place(tmp_path):
    (tmp_path / "part.yaml").write_text("# words\na: &x [1, 2]\nb: *x\n")
    (tmp_path / "whole.yaml").write_text("one: !include part.yaml\ntwo: !include {file: part.yaml, with: {a: 3}}\n")
    item = read(tmp_path / "whole.yaml", tags=INCLUDE)
    assert plain(item) == {"one": {"a": [1, 2], "b": [1, 2]}, "two": {"a": 3, "b": [1, 2]}}
    inner = item.value["one"].value["a"]
    assert (inner.place, inner.anchor) == (f"{tmp_path}/part.yaml:2", "part.x")
    assert files(item) == [str(tmp_path / "whole.yaml"), str(tmp_path / "part.yaml")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: !include other.yaml", r"whole.yaml:1: the included file other.yaml does not exist"),
        ("a: !include ../part.yaml", "cannot be included; name a file in the same folder"),
        ("a: !include [part.yaml]", "!include needs a file"),
        ("a: !include {file: part.yaml, without: 1}", "!include needs a file"),
        ("a: !include {file: part.yaml, with: {b: 2}}", "`with` replaces keys of a map"),
        ("a: !include whole.yaml", "an included file includes another"),
    ],
)
def test_includes_that_cannot_be_met_say_so(tmp_path, text, words):
    (tmp_path / "part.yaml").write_text("[1, 2]")
    (tmp_path / "whole.yaml").write_text(text)
    with pytest.raises(NasError, match=words):
        read(tmp_path / "whole.yaml", tags=INCLUDE)


def test_an_error_in_an_included_file_names_that_file(tmp_path):
    (tmp_path / "part.yaml").write_text("a: 1\na: 2\n")
    (tmp_path / "whole.yaml").write_text("a: !include part.yaml")
    with pytest.raises(NasError, match=r"part.yaml:2: the key 'a' stands twice"):
        read(tmp_path / "whole.yaml", tags=INCLUDE)

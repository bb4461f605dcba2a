"""An export's folder is whole or not there, and nothing that no export wrote is ever deleted."""

from __future__ import annotations

import json

import pytest

from nas.errors import NasError
from nas.exporting import about
from nas.exporting.folder import check, fresh, strangers


def write(target, text="new", force=False):
    with fresh(target, force=force) as part:
        assert not target.exists() or not list(part.glob("*.txt"))
        (part / "network.py").write_text(text)
        about_it(part)
    return target


def about_it(folder):
    names = {path.name: {} for path in folder.iterdir() if not path.name.startswith(".")}
    (folder / "export.json").write_text(json.dumps({"format": about.KIND, "schema": 1, "files": names}))


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_comes_into_its_place_whole_and_leaves_nothing_beside_it(tmp_path):
    write(tmp_path / "deep" / "export")
    assert names(tmp_path / "deep") == ["export"]
    assert names(tmp_path / "deep" / "export") == ["export.json", "network.py"]


def test_a_folder_that_exists_is_refused_before_anything_is_done(tmp_path):
    target = write(tmp_path / "export")
    with pytest.raises(NasError, match="exists already; add --force"), fresh(target, force=False):
        raise AssertionError("work was begun")
    assert (target / "network.py").read_text() == "new" and names(tmp_path) == ["export"]


def test_force_replaces_an_export_and_what_python_left_in_it(tmp_path):
    target = write(tmp_path / "export", "old")
    (target / "__pycache__").mkdir()
    (target / "__pycache__" / "network.pyc").write_text("")
    write(target, force=True)
    assert (target / "network.py").read_text() == "new" and names(tmp_path) == ["export"]
    assert names(target) == ["export.json", "network.py"]


def test_files_of_the_user_s_are_never_deleted(tmp_path):
    target = write(tmp_path / "export", "old")
    (target / "notes.txt").write_text("mine")
    (target / "videos").mkdir()
    with pytest.raises(NasError, match=r"holds what no export wrote: notes.txt and 1 more"):
        write(target, force=True)
    assert (target / "notes.txt").read_text() == "mine" and (target / "network.py").read_text() == "old"


@pytest.mark.parametrize("text", ["{}", '{"format": "other"}', "[]", '{"format": "nas export", "files": 3}'])
def test_a_folder_with_another_export_json_is_no_export(tmp_path, text):
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "export.json").write_text(text)
    (tmp_path / "export" / "thesis.tex").write_text("mine")
    with pytest.raises(NasError, match="holds what no export wrote"):
        write(tmp_path / "export", force=True)
    assert "thesis.tex" in strangers(tmp_path / "export")


def test_a_damaged_export_json_protects_its_folder(tmp_path):
    target = write(tmp_path / "export")
    (target / "export.json").write_text("{cut off")
    with pytest.raises(NasError, match="is damaged"):
        write(target, force=True)


def test_other_folders_and_files_are_refused_even_with_force(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "a.txt").write_text("mine")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(NasError, match="holds what no export wrote: a.txt"):
        write(tmp_path / "mine", force=True)
    with pytest.raises(NasError, match="is a file"):
        write(tmp_path / "file", force=True)
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", force=True)


def test_an_error_leaves_what_was_there(tmp_path):
    target = write(tmp_path / "export", "old")
    with pytest.raises(ZeroDivisionError), fresh(target, force=True) as part:
        (part / "network.py").write_text("half")
        raise ZeroDivisionError
    assert (target / "network.py").read_text() == "old" and names(tmp_path) == ["export"]


def test_what_a_killed_export_left_is_swept_away(tmp_path):
    part = tmp_path / ".export.part"
    part.mkdir()
    (part / "half.onnx").write_text("half")
    (part / "folder").mkdir()
    target = write(tmp_path / "export")
    assert names(target) == ["export.json", "network.py"] and names(tmp_path) == ["export"]


def test_two_at_once_are_refused(tmp_path):
    with fresh(tmp_path / "export", force=False) as part:
        with pytest.raises(NasError, match="another process is writing this export"):
            write(tmp_path / "export")
        assert part.is_dir()
        (part / "network.py").write_text("first")
    assert names(tmp_path / "export") == ["network.py"]


def test_a_place_that_cannot_be_written_to_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="cannot be written"):
        write(tmp_path / "file" / "export")


def test_a_link_is_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "here").symlink_to(tmp_path / "disk")
    write(tmp_path / "here" / "export")
    assert names(tmp_path / "disk" / "export") == ["export.json", "network.py"]
    check(tmp_path / "here" / "other", force=False)

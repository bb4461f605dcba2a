"""`nas data check` on real files of a listed set: the report is written beside the set, whatever is wrong with it."""

import csv
import io
import os
import signal
import subprocess
import sys
import time

import pytest
from rich.console import Console

from nas import checking_data
from nas.data_settings import DataSettings
from nas.errors import NasError
from tests import real_set


@pytest.fixture
def listed(tmp_path):
    """The folder of a set with its lists, and the number of rows in them."""
    root = tmp_path / "meine videos"
    real_set.write(root)
    rows = 0
    for split, files in (("train", real_set.TRAIN), ("val", real_set.VAL)):
        gone = [(name, 0, "") for name in real_set.MISSING if split == "val"]
        with open(root / f"{split}.csv", "w", newline="", encoding="utf-8") as file:
            lines = [(name, real_set.CLASSES[label]) for name, label, _ in (*files, *gone)]
            csv.writer(file).writerows([("path", "label"), *lines])
            rows += len(lines)
    return root, rows


@pytest.fixture
def work(tmp_path, monkeypatch):
    """An empty working folder."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "work"


def check(path, width=80, **more):
    console = Console(file=io.StringIO(), width=width)
    settings = DataSettings(path=str(path), **more.pop("settings", {}))
    checking_data.check(settings, **{"out": None, "sample": None, "workers": 2, **more}, console=console)
    return console.file.getvalue()


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_set_with_every_fault_is_reported(listed, work):
    root, count = listed
    text = check(root)
    folder = work / "data-check" / "meine-videos"
    assert sorted(path.name for path in folder.iterdir()) == ["check.csv", "check.html"]
    assert len(rows(folder / "check.csv")) == count
    assert "2 of 15 listed videos" in text and "4 of 13 videos" in text
    assert "pictures: data-check/meine-videos/check.html" in text
    page = (folder / "check.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;bold &amp; brave" in page and page.count("<img") == 36
    assert not list(root.glob("**/*.part")) and not list(root.glob("**/check.*"))


def test_too_many_missing_and_unreadable_are_told_and_no_error(listed, work):
    root, _ = listed
    text = " ".join(check(root, settings={"missing": 0.05, "unreadable": 0.0}).split())
    assert "more than training allows: data.missing is 0.05" in text
    assert "more than training allows: data.unreadable is 0" in text


def test_another_folder_and_a_sample(listed, work):
    root, _ = listed
    text = check(root, out=str(work / "a" / "b"), sample=4, workers=1)
    assert "looked into 4 of 13 files" in text
    assert len(rows(work / "a" / "b" / "check.csv")) == 4 + len(real_set.MISSING)


def test_the_report_does_not_go_into_the_data(listed, work, monkeypatch):
    root, _ = listed
    monkeypatch.chdir(root)
    with pytest.raises(NasError, match="would lie in the data folder.*give --out FOLDER"):
        check(root)
    assert not (root / "data-check").exists()


def test_a_folder_that_cannot_be_made_is_told_before_the_files_are_opened(listed, work):
    root, _ = listed
    (work / "file").write_text("")
    with pytest.raises(NasError, match="cannot be made.*--out"):
        check(root, out=str(work / "file" / "below"))


def test_a_path_that_is_no_set_is_an_error(work):
    with pytest.raises(NasError, match="no such data folder"):
        check(work / "nothing")
    assert not any(work.iterdir())


def test_ctrl_c_ends_it_at_once(work, tmp_path):
    """Ctrl-C reaches the whole group of processes, as in a terminal."""
    root = tmp_path / "many"
    for label in "ab":
        real_set.film(root / label / "0.mp4", 1)
        for index in range(1, 500):
            os.link(root / label / "0.mp4", root / label / f"{index}.mp4")
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom nas import checking_data\nfrom nas.console import console\n"
        "from nas.data_settings import DataSettings\n"
        "if __name__ == '__main__':\n"
        "    checking_data.check(DataSettings(path=sys.argv[1]), out=None, sample=None, workers=2, console=console)\n"
    )
    command = [sys.executable, str(script), str(root)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    for line in process.stdout:
        if line.startswith("looking into files"):
            break
    began = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    rest = process.communicate(timeout=20)[0]
    assert process.returncode == checking_data.INTERRUPTED and "interrupted: no report was written" in rest
    assert time.monotonic() - began < 10
    assert not list((work / "data-check").glob("*/check.*"))

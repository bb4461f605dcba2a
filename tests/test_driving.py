"""One driver a study: who holds it, and what a driver that died leaves behind."""

import json
import os
import signal
import subprocess
import sys

import pytest

from nas.driving import NOTE, driving
from nas.errors import NasError

HOLDS = """
import sys, time
from pathlib import Path
from nas.driving import driving
with driving(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_is_told_who_holds_it(tmp_path):
    told = rf"study: another nas command drives this study: process {os.getpid()} on .+, since \d+-.*; wait for it"
    with driving(tmp_path / "study"):
        note = json.loads((tmp_path / "study" / NOTE).read_text())
        assert note["pid"] == os.getpid()
        with pytest.raises(NasError, match=told), driving(tmp_path / "study"):
            pass
        assert json.loads((tmp_path / "study" / NOTE).read_text()) == note


def test_it_is_free_again_afterwards_whatever_happened(tmp_path):
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt), driving(tmp_path):
            raise KeyboardInterrupt
        assert not (tmp_path / NOTE).exists()


def test_a_driver_in_another_process_and_what_it_leaves_when_it_is_killed(tmp_path):
    holder = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(NasError, match=f"drives this study: process {holder.pid} on "), driving(tmp_path):
        pass
    holder.send_signal(signal.SIGKILL)
    holder.communicate(timeout=30)
    assert json.loads((tmp_path / NOTE).read_text())["pid"] == holder.pid  # out of date
    with driving(tmp_path):
        assert json.loads((tmp_path / NOTE).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("note", [None, "", "{", "{}", "[]", "null"])
def test_a_note_that_cannot_be_read_is_no_error_of_its_own(tmp_path, note):
    with driving(tmp_path):
        (tmp_path / NOTE).unlink() if note is None else (tmp_path / NOTE).write_text(note)
        with pytest.raises(NasError, match="another nas command drives this study; wait for it"), driving(tmp_path):
            pass


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NasError, match="study: cannot be written: Not a directory"), driving(tmp_path / "file/study"):
        pass


def test_a_study_of_a_database_is_held_by_nobody(tmp_path):
    with driving(tmp_path / "study", shared=True), driving(tmp_path / "study", shared=True):
        assert list((tmp_path / "study").iterdir()) == []

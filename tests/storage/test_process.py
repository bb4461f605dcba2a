"""Which drivers are known to be gone: those of this machine whose process is not there any more."""

import json
import os
import subprocess
import sys
from dataclasses import replace

from nas.storage.process import Process

HERE = "import json; from nas.storage.process import Process; print(json.dumps(Process.this().told()))"


def test_a_process_that_ended(tmp_path):
    told = json.loads(subprocess.run([sys.executable, "-c", HERE], stdout=-1, text=True, check=True).stdout)
    assert Process.this().saw_end_of(told)
    assert not Process.this().saw_end_of(told | {"place": "another machine"})
    assert not replace(Process.this(), place="").saw_end_of(told | {"place": ""}), "a system that does not tell"


def test_a_process_that_lives_and_one_that_has_its_number_now():
    child = subprocess.Popen([sys.executable, "-c", f"{HERE}; input()"], stdin=-1, stdout=-1, text=True)
    told = json.loads(child.stdout.readline())
    assert not Process.this().saw_end_of(told)
    assert Process.this().saw_end_of(told | {"began": "1"}), "the number was used again"
    child.communicate("\n")
    assert Process.this().saw_end_of(told)


def test_a_zombie_is_dead():
    child = subprocess.Popen([sys.executable, "-c", HERE], stdout=-1, text=True)
    told = json.loads(child.stdout.readline())
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert Process.this().saw_end_of(told)
    child.communicate()


def test_drivers_of_one_process():
    one, other = Process.this(), Process.this()
    assert one.id != other.id and one.saw_end_of(other.told()) and not one.saw_end_of(one.told())
    with other.driving():
        assert not one.saw_end_of(other.told())
    assert one.saw_end_of(other.told())

"""Lists of a million clips: their memory is bounded; how long they take is in tests/benchmarks/bench_lists.py."""

import json
import subprocess
import sys

import pytest

from tests.data.formats import long_lists


@pytest.mark.parametrize("name", long_lists.WRITERS)
def test_a_million_clips_open_in_a_gigabyte(tmp_path, name):
    long_lists.WRITERS[name](tmp_path / "set")
    command = [sys.executable, "-m", "tests.data.formats.long_lists", tmp_path / "set"]
    found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    assert found["train"] + found["val"] == long_lists.CLIPS and found["missing"] == 0
    assert found["memory"] < 1 << 30

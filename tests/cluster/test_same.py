"""Two machines that run the same, or not."""

from dataclasses import replace

import pytest

from nas.cluster.same import check_same, mine
from nas.errors import NasError


def test_this_process_runs_what_it_runs():
    check_same(mine())
    assert mine().versions["video-nas"] and len(mine().source) == 12


def test_another_torch_is_told_with_what_to_install():
    other = replace(mine(), versions=mine().versions | {"torch": "1.0"})
    with pytest.raises(NasError, match=r"^node b: has torch 1\.0, the driver 2\S+; install torch 2\S+ there, or "):
        check_same(mine(), "b", other)


def test_another_source_is_told():
    with pytest.raises(NasError, match=r"^node b: its files of this project are not the driver's \(abc there, "):
        check_same(mine(), "b", replace(mine(), source="abc"))

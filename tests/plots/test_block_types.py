"""Block types as the spaces of this project and others write them."""

import doctest

import pandas as pd

from nas.plots import block_types as module
from nas.plots.block_types import OTHERS, block_types
from tests.study_frame import trials


def test_the_examples_hold():
    assert not doctest.testmod(module).failed


def test_a_space_without_block_decisions():
    assert block_types(trials().drop(columns="decision.block")).tolist() == ["trials"] * 5


def test_stages_that_differ_are_mixed():
    assert block_types(trials().assign(**{"decision.stages.1.block": "dw"})).tolist() == ["mixed"] * 5


def test_the_union_of_families_names_the_family_first():
    row = {"decision.family": "csn", "decision.csn.block": "bottleneck", "decision.csn.conv": "depthwise"}
    other = {"decision.family": "sevnet", "decision.sevnet.block": "sev"}
    assert block_types(pd.DataFrame([row, other])).tolist() == ["csn bottleneck depthwise", "sevnet sev"]


def test_rare_types_are_told_as_others():
    names = [f"kind{number}" for number in range(40)]
    types = block_types(pd.DataFrame({"decision.block": [*names, *names[:5] * 3]}))
    assert types.nunique() == module.TYPES and (types == OTHERS).sum() == 40 - (module.TYPES - 1)
    assert (types == "kind0").sum() == 4

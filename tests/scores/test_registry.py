"""Scores of one's own, and what is refused."""

import math
import subprocess
import sys
import textwrap

import pytest
import torch

from nas import user_blocks
from nas.errors import NasError
from nas.scores import SCORES, evaluate, score
from nas.summary import summary
from tests.scores.conformance import ScoreCase, small_networks

FILE = """
    from nas.blocks import Place, block
    from nas.layers import Conv, Node, seq
    from nas.scores import score

    @block("of_a_score_file")
    def of_a_score_file(at: Place) -> Node:
        return seq(conv=Conv(at.c_in, at.width, (1, 3, 3), at.stride))

    @score("of_a_file")
    def of_a_file(genotype):
        '''The sum of all widths.'''
        return sum(stage.width for stage in genotype.stages)
"""


@pytest.fixture
def own():
    """Registers functions as the score `own`, one after the other."""

    def register(function):
        SCORES.pop("own", None)
        return score("own")(function)

    return register


@score("of this test")
def with_chance(model, clips):
    """A score that draws numbers itself."""
    return torch.rand(()) + model(clips).square().mean()


class TestOfOneLine(ScoreCase):
    name = "of this test"


def test_a_file_adds_a_score(tmp_path):
    file = tmp_path / "my_scores.py"
    file.write_text(textwrap.dedent(FILE))
    user_blocks.load(file)
    network = small_networks()[0]
    assert evaluate("of_a_file", network) == sum(stage.width for stage in network.stages)
    assert (SCORES["of_a_file"].summary, SCORES["of_a_file"].needs) == ("The sum of all widths.", "network")
    assert not SCORES["of_a_file"].built_in and SCORES["entropy"].built_in


def test_an_unknown_score_names_the_nearest():
    with pytest.raises(NasError, match="the score 'entropi' is unknown; did you mean 'entropy'"):
        evaluate("entropi", small_networks()[0])


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, -math.inf, None, "3.0", [1.0], 10**400, torch.zeros(2)],
    ids=lambda value: str(value)[:9],
)
def test_what_is_no_finite_number_is_refused(own, value):
    own(lambda genotype: value)
    network = small_networks()[0]
    with pytest.raises(NasError) as caught:
        evaluate("own", network)
    assert str(caught.value).startswith(f"the score 'own' of {summary(network)} is {repr(value)[:5]}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [2, 2.0, True + 1, torch.tensor(2.0), torch.tensor([2], dtype=torch.int64)])
def test_any_one_number_will_do(own, value):
    own(lambda genotype: value)
    assert evaluate("own", small_networks()[0]) == 2.0


def test_a_failing_function_is_told_in_one_line(own):
    own(lambda model, clips: 1 / 0)
    with pytest.raises(NasError, match="the score 'own' of .* fails: ZeroDivisionError: division by zero"):
        evaluate("own", small_networks()[0])


def test_functions_of_another_shape_and_taken_names_are_refused():
    with pytest.raises(NasError, match="takes 3 arguments; take a genotype, or a model and clips"):
        score("three")(lambda a, b, c: 0.0)
    with pytest.raises(NasError, match="the score 'depth' exists already"):
        score("depth")(lambda genotype: 0.0)


def test_a_model_and_clips_depend_on_the_seed_alone(own):
    own(lambda model, clips: model(clips).sum() + clips.sum())
    network = small_networks()[0]
    assert len({evaluate("own", network, seed=seed) for seed in (0, 0, 1)}) == 2
    assert evaluate("own", network, batch=2) != evaluate("own", network, batch=3)


PURE = """
import sys
from nas import content, genotype, scores
network = genotype.load(content.find("ct-net-r50", "models"))
pure = [one.name for one in scores.SCORES.values() if one.needs == "network"]
print(len(pure), all(scores.evaluate(name, network) for name in pure), {"torch", "numpy"} & set(sys.modules))
"""


def test_scores_of_genotypes_need_no_torch():
    run = subprocess.run([sys.executable, "-c", PURE], capture_output=True, text=True, check=True)
    assert run.stdout == "6 True set()\n"

"""The front against its definition, hypervolumes against areas counted by hand."""

import doctest
import itertools
import math
import subprocess
import sys

import numpy as np
import pytest

import nas.pareto
from nas.errors import NasError
from nas.pareto import Objective, front, hypervolume, knee, ranks, reference_point

ACCURACY, GFLOPS = Objective("accuracy", "max"), Objective("gflops", "min")
INTERACTIONS = Objective("interactions", "max")


def dominates(a, b, objectives):
    """The definition: nowhere worse, somewhere better."""
    signs = [1 if objective.direction == "min" else -1 for objective in objectives]
    pairs = [(sign * x, sign * y) for sign, x, y in zip(signs, a, b, strict=True)]
    return all(x <= y for x, y in pairs) and any(x < y for x, y in pairs)


def naive_ranks(points, objectives):
    found, rank = [None] * len(points), 0
    left = [i for i, p in enumerate(points) if all(v is not None and math.isfinite(v) for v in p)]
    while left:
        best = [i for i in left if not any(dominates(points[j], points[i], objectives) for j in left)]
        for i in best:
            found[i] = rank
        left, rank = [i for i in left if i not in best], rank + 1
    return found


ALL_DIRECTIONS = [way for d in (1, 2, 3, 4) for way in itertools.product(("max", "min"), repeat=d)]


@pytest.mark.parametrize("directions", ALL_DIRECTIONS)
@pytest.mark.parametrize("levels", [3, 1000])
def test_ranks_are_the_definition(directions, levels):
    objectives = [Objective(f"o{i}", direction) for i, direction in enumerate(directions)]
    rng = np.random.default_rng(len(directions) * levels)
    for n in (0, 1, 2, 40):
        points = rng.integers(0, levels, (n, len(objectives))).astype(float)
        points[rng.random(points.shape) < 0.05] = np.nan
        assert ranks(points.tolist(), objectives) == naive_ranks(points.tolist(), objectives)
        assert front(points.tolist(), objectives) == [r == 0 for r in naive_ranks(points.tolist(), objectives)]


def test_duplicates_are_all_on_the_front_and_missing_values_never():
    points = [(0.7, 4.0), (0.7, 4.0), (None, 1.0), (float("nan"), 1.0), (0.9, float("inf")), (0.6, 4.0)]
    assert front(points, [ACCURACY, GFLOPS]) == [True, True, False, False, False, False]
    assert ranks(points, [ACCURACY, GFLOPS]) == [0, 0, None, None, None, 1]


def test_no_points_no_front():
    assert front([], [ACCURACY, GFLOPS]) == []
    assert ranks([(None, None)], [ACCURACY, GFLOPS]) == [None]
    assert hypervolume([], [ACCURACY, GFLOPS], (0, 1)) == 0.0


def test_hypervolume_by_hand_in_two_objectives():
    # above accuracy 0 and left of 10 GFLOPs: 0.5 x 8 for the small one, and 0.25 x 4 more for the large one
    points = [(0.5, 2.0), (0.75, 6.0), (0.25, 7.0), (0.9, 11.0), (None, 1.0)]
    assert hypervolume(points, [ACCURACY, GFLOPS], (0.0, 10.0)) == pytest.approx(0.5 * 8 + 0.25 * 4)


def test_hypervolume_by_hand_in_three_objectives():
    # two boxes from the reference (0, 10, 0): 1x5x2 and 2x3x1, which share 1x3x1
    points = [(1.0, 5.0, 2.0), (2.0, 7.0, 1.0)]
    assert hypervolume(points, [ACCURACY, GFLOPS, INTERACTIONS], (0, 10, 0)) == pytest.approx(10 + 6 - 3)


def test_hypervolume_of_one_objective_is_a_length():
    assert hypervolume([(0.5,), (0.75,)], [ACCURACY], (0.25,)) == pytest.approx(0.5)


def test_a_new_front_point_never_shrinks_the_hypervolume():
    rng = np.random.default_rng(1)
    points = rng.random((30, 2)).tolist()
    volumes = [hypervolume(points[:n], [ACCURACY, GFLOPS], (0, 1)) for n in range(31)]
    assert volumes == sorted(volumes)
    gained = [b > a for a, b in itertools.pairwise(volumes)]
    assert gained == [front(points[: n + 1], [ACCURACY, GFLOPS])[n] for n in range(30)]


def test_the_reference_lies_beyond_the_worst_value():
    points = [(0.75, 4.0), (0.25, 14.0), (None, 99.0)]
    assert reference_point(points, [ACCURACY, GFLOPS]) == pytest.approx((0.2, 15.0))
    assert reference_point([(0.5, 4.0)], [ACCURACY, GFLOPS]) == pytest.approx((0.45, 4.4))
    worst = reference_point(points, [ACCURACY, GFLOPS])
    assert all(hypervolume([p], [ACCURACY, GFLOPS], worst) > 0 for p in points[:2])


def distance_from_chord(points, log):
    """By the textbook formula for a line through two points, positive towards the ideal; sorted points."""
    x = np.array([(1 - a, math.log(g) if log else g) for a, g in points])
    x = (x - x.min(axis=0)) / (x.max(axis=0) - x.min(axis=0))
    (x0, y0), (x1, y1) = x[0], x[-1]
    return ((x1 - x0) * (x[:, 1] - y0) - (y1 - y0) * (x[:, 0] - x0)) / math.hypot(x1 - x0, y1 - y0)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("span", [5.0, 300.0])
def test_the_knee_is_farthest_from_the_chord(seed, span):
    rng = np.random.default_rng(seed)
    accuracy, gflops = np.sort(rng.random(9)), np.sort(np.exp(rng.random(9) * math.log(span)))
    gflops[[0, -1]] = 1.0, span
    points = list(zip(accuracy.tolist(), gflops.tolist(), strict=True))
    distance = distance_from_chord(points, span > 10)
    assert distance[knee(points, [ACCURACY, GFLOPS])] == pytest.approx(distance.max())


def test_the_knee_ignores_dominated_and_unmeasured_rows():
    points = [(None, 0.1), (0.1, 9.0), (0.4, 2.0), (0.6, 3.0), (0.62, 9.0)]
    assert knee(points, [ACCURACY, GFLOPS]) == 3


def test_the_knee_of_small_fronts():
    assert knee([(0.5, 3.0)], [ACCURACY, GFLOPS]) == 0
    assert knee([(0.5, 3.0), (0.7, 9.0)], [ACCURACY, GFLOPS]) == 1, "a tie goes to the better accuracy"
    assert knee([(0.5, 3.0), (0.5, 3.0)], [ACCURACY, GFLOPS]) == 0, "then to the earlier row"
    assert knee([(0.9, 8.0, 1.0), (0.5, 2.0, 5.0), (0.8, 3.0, 4.5)], [ACCURACY, GFLOPS, INTERACTIONS]) == 2


def test_costs_over_more_than_a_decade_are_compared_by_ratio():
    # in plain units 100 GFLOPs dwarfs the rest and 8 would look as cheap as 1; by ratio it is not
    points = [(0.50, 1.0), (0.65, 4.0), (0.72, 30.0), (0.75, 100.0)]
    assert knee(points, [ACCURACY, GFLOPS]) == 1
    assert knee(points, [ACCURACY, Objective("accuracy", "min")]) == 2, "a fraction stays linear"


def test_mistakes_are_said_in_one_line():
    with pytest.raises(NasError, match="no trial has a value of each objective"):
        knee([(None, 1.0)], [ACCURACY, GFLOPS])
    with pytest.raises(NasError, match="complete a trial"):
        reference_point([], [ACCURACY])
    with pytest.raises(ValueError, match="neither 'max' nor 'min'"):
        Objective("accuracy", "up")
    with pytest.raises(ValueError, match="3 values a point for 2 objectives"):
        front([(1, 2, 3)], [ACCURACY, GFLOPS])


def test_the_examples_hold():
    result = doctest.testmod(nas.pareto)
    assert result.attempted > 5 and not result.failed


def test_importing_it_stays_cheap():
    heavy = "{'torch', 'optuna', 'plotly', 'pandas', 'moocore'}"
    code = f"import sys, nas.pareto; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

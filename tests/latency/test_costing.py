"""Latency as a cost of a space: what is measured for it, what is left alone, and how it goes on."""

import io
import math
from itertools import islice

import pytest
from rich.console import Console

from nas import space as spaces
from nas.cost import cost
from nas.errors import NasError
from nas.latency import costing
from nas.latency.blocks import Web
from nas.latency.costing import TABLE, Timed
from nas.latency.gathering import gather
from nas.latency.table import load
from nas.recipe import LatencySettings
from nas.search.propose import Proposer, require_feasible
from nas.search.sampler import Uniform
from nas.search.wrappers import Dropped, valid, within
from nas.survey import survey
from nas.units import Budget
from tests.latency.conftest import made_up

NONE = Budget()
SETTINGS = LatencySettings(device="cpu", threads=1)


def everything(space):
    """All networks of a small space."""
    return [space.genotype(record) for record in space.automaton.all()]


@pytest.fixture
def timed(space):
    """The space with a made-up table of all its pieces."""
    table = made_up(*everything(space))
    space.cost = Timed(table, NONE, None)
    return space


def test_all_pieces_of_a_small_space_are_found(space):
    web, some = gather(space, NONE)
    whole = Web(everything(space))
    assert web.next == whole.next and web.first == whole.first
    assert Web(some).next.keys() == whole.next.keys(), "the networks that brought them have them all"


def test_pieces_of_networks_beyond_the_other_limits_are_left_alone(space):
    costs = sorted(cost(one).macs for one in everything(space))
    limit = Budget.parse(f"{costs[len(costs) // 3] / 1e6}mflops")
    web, _ = gather(space, limit)
    expected = Web(one for one in everything(space) if limit.fits(cost(one)))
    assert web.next == expected.next and len(web) < len(gather(space, NONE)[0])


def test_a_cost_is_the_exact_one_with_milliseconds(timed):
    for genotype in everything(timed):
        found = timed.cost(genotype)
        assert found._replace(latency=None) == cost(genotype)
        assert found.latency == timed.cost.table.latency(genotype)


def test_what_other_limits_rule_out_is_not_measured(space):
    limits = Budget.parse("0.001mflops,40ms")
    space.cost = Timed(made_up(), limits, None)  # an empty table: a measurement would be an error
    costs = [space.cost(one) for one in everything(space)]
    assert all(math.isnan(one.latency) for one in costs) and not any(map(limits.fits, costs))


def test_a_network_with_an_unknown_piece_is_left_out_where_nothing_can_be_measured(timed):
    known = everything(timed)[0]
    table = made_up(known)
    timed.cost = Timed(table, NONE, None)
    with pytest.raises(NasError, match="not in the study's table"):
        timed.cost(everything(timed)[-1])
    dropped = Dropped()
    found = list(islice(valid(Uniform(timed).propose([], 0), timed, dropped), 3))
    pieces = {node.piece.digest for node in Web([known]).next}
    assert all({node.piece.digest for node in Web([one.genotype]).next} <= pieces for one in found)
    assert dropped.invalid > 3


def test_milliseconds_limit_as_any_cost(timed):
    all_ms = sorted(timed.cost(one).latency for one in everything(timed))
    limits = Budget.parse(f"{all_ms[5]}..{all_ms[20]}ms")
    found = list(
        within(valid(Uniform(timed).propose([], 0), timed, Dropped()), limits, Dropped()).__next__() for _ in range(3)
    )
    assert all(all_ms[5] <= one.cost.latency <= all_ms[20] for one in found)
    proposed = Proposer(timed, limits, Uniform(timed), seed=0).next(0, [], set())
    assert limits.fits(proposed.candidate.cost) and proposed.dropped.over_budget >= 0
    with pytest.raises(NasError, match=rf"reachable are {all_ms[0]:.3g}\.\.{all_ms[-1]:.3g}ms"):
        require_feasible(timed, Budget.parse(f"{all_ms[0] / 2}ms"))


def test_the_front_sampler_prices_milliseconds(timed):
    from nas.search.front import Front
    from nas.search.sampler import Goal, Observation

    def milliseconds(record):
        return timed.cost(timed.genotype(record)).latency

    records = list(timed.automaton.all())
    history = [Observation(one, (0.5, milliseconds(one)), {}) for one in records[::4]]
    front = Front(timed, Goal(("accuracy", "latency")), startup=2)
    best = [proposal.record for proposal in islice(front.propose(history, 0), 10)]
    cheapest = min(milliseconds(one) for one in records[::4])
    assert sum(milliseconds(one) < cheapest for one in best) >= sum(milliseconds(one) < cheapest for one in records) / 2


def test_a_survey_tells_milliseconds_only_where_they_are_known(timed, space):
    found, _ = survey(timed, NONE, samples=50)
    name, low, middle, high = found.ranges()[-1]
    assert name == "ms" and 0 < low <= middle <= high
    space.cost = cost
    assert "ms" not in [row[0] for row in survey(space, NONE, samples=5)[0].ranges()]


def test_a_budget_in_milliseconds_without_a_measurement_is_told(space):
    with pytest.raises(NasError, match="latency of networks is not known here"):
        require_feasible(space, Budget.parse("40ms"))


SMALL = """
nas: 1
input: {frames: 2, size: 16}
classes: 3
stem: {width: 8, pool: null}
stages: [{depth: !int [1, 2], width: 8, block: {kind: simple, conv: !choice {a: {kind: dense}, b: {kind: depthwise}}}}]
"""


def test_a_study_goes_on_with_what_it_began_with(quick, tmp_path):
    page = Console(file=io.StringIO(), width=200)
    space = spaces.parse(SMALL)
    costing.begin(space, NONE, SETTINGS, page)
    told = costing.keep(space, tmp_path, quiet=True)
    began = [space.cost(one).latency for one in everything(space)]
    again = spaces.parse(SMALL)
    costing.resume(again, NONE, tmp_path, page, quiet=True)
    assert [again.cost(one).latency for one in everything(again)] == began and told == str(again.cost.table)
    repeated = spaces.parse(SMALL)
    costing.begin(repeated, NONE, SETTINGS, page, own=tmp_path / TABLE)
    assert [repeated.cost(one).latency for one in everything(repeated)] == began
    assert "as this study measured it" in page.file.getvalue()
    second = spaces.parse(SMALL)
    costing.begin(second, NONE, SETTINGS, page)
    assert [second.cost(one).latency for one in everything(second)] == began, "one device, one set of figures"


def test_pieces_met_later_are_measured_and_kept(quick, tmp_path):
    space, page = spaces.parse(SMALL), Console(quiet=True)
    costing.begin(space, NONE, SETTINGS, page)
    costing.keep(space, tmp_path, quiet=True)
    other = everything(space)[0].model_copy(update={"classes": 4})
    found = space.cost(other).latency
    assert found > 0 and load(tmp_path / TABLE).latency(other) == found


def test_beside_trainings_and_elsewhere_nothing_is_measured(quick, tmp_path):
    space, page = spaces.parse(SMALL), Console(file=io.StringIO(), width=200)
    costing.begin(space, NONE, SETTINGS, page)
    costing.keep(space, tmp_path, quiet=False)
    other = everything(space)[0].model_copy(update={"classes": 4})
    with pytest.raises(NasError, match="not in the study's table"):
        space.cost(other)
    table = load(tmp_path / TABLE)
    table.setting["hardware"] = "another CPU"
    table.save()
    costing.resume(space, NONE, tmp_path, page, quiet=True)
    assert space.cost(everything(space)[0]).latency > 0
    with pytest.raises(NasError, match="not in the study's table"):
        space.cost(other)
    assert "another device or another version" in page.file.getvalue()
    (tmp_path / TABLE).unlink()
    with pytest.raises(NasError, match="the table of latencies of this study is gone"):
        costing.resume(space, NONE, tmp_path, page, quiet=True)


# torch has no average pooling in bf16 on a CPU, and this SEV block pools in its shortcut
POOLED = """
nas: 1
input: {frames: 2, size: 16}
classes: 3
stem: {width: 8, pool: null}
stages:
  - {depth: 2, width: 16, stride: [1, 2, 2], block: !choice {a: {kind: simple}, b: {kind: sev, group_width: 4}}}
"""


def test_networks_that_the_device_does_not_run_are_left_out_and_not_tried_again(quick, monkeypatch):
    from nas.latency import completing

    space = spaces.parse(POOLED)
    tried = []
    complete = completing.complete
    monkeypatch.setattr(completing, "complete", lambda *given: tried.append(1) or complete(*given))
    costing.begin(space, NONE, SETTINGS.model_copy(update={"dtype": "bf16"}), Console(quiet=True))
    for _ in range(2):
        told = []
        for genotype in everything(space):
            try:
                told.append(space.cost(genotype).latency > 0)
            except NasError as error:
                assert "does not run" in str(error)
        assert 0 < len(told) < len(everything(space))
    assert len(tried) <= 3

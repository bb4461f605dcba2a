"""Pieces measured on this CPU: those that networks have, as they meet them, each once."""

import pytest
import torch
from rich.console import Console

from nas.build import build
from nas.latency import completing, present, wholes
from nas.latency.alone import cache
from nas.latency.blocks import Web, blocks
from nas.latency.completing import complete
from nas.latency.inversions import rows
from nas.latency.setting import PLAIN
from nas.latency.table import load, opened
from nas.latency.timing import layout_of
from nas.preparation import LINE_EVERY

pytestmark = pytest.mark.usefixtures("quick")
QUIET = Console(quiet=True)


def told() -> Console:
    """A console whose text can be read."""
    import io

    return Console(file=io.StringIO(), width=200)


def test_all_pieces_are_measured_once_and_written_down(model):
    setting = present.setting(device="cpu", threads=1)
    table = opened(setting, cache())
    complete(table, Web([model]), setting, QUIET)
    before = dict(table.entries)
    assert table.latency(model) > 0 and all(entry.ms > 0 for entry in before.values())
    assert load(table.path).entries == before
    complete(table, Web([model]), setting, QUIET)
    assert table.entries == before == opened(setting, cache()).entries


def test_a_piece_is_measured_in_the_layout_in_which_the_network_hands_it_on(model):
    setting = present.setting(device="cpu", threads=1)
    table = opened(setting, cache())
    complete(table, Web([model]), setting, QUIET)
    net, seen = build(model, seed=0).eval(), {}
    named = dict(net.named_modules())
    for block in blocks(model):
        named[block.name].register_forward_pre_hook(
            lambda _, inputs, name=block.name: seen.update({name: layout_of(inputs[0])})
        )
    with torch.inference_mode():
        net(torch.rand(1, 3, 4, 24, 24).contiguous(memory_format=torch.channels_last_3d))
    assert seen == {row.name: row.layout for row in rows("", model, table)}
    assert PLAIN in seen.values(), "torch leaves channels_last for small inputs; else this test says little"


def test_a_stopped_measurement_goes_on(model, monkeypatch):
    setting = present.setting(device="cpu", threads=1)
    measured, groups = completing._measured, []

    def stopped(group):
        if len(groups) == 2:
            raise KeyboardInterrupt
        groups.append(list(group))
        return measured(group)

    monkeypatch.setattr(completing, "_measured", stopped)
    with pytest.raises(KeyboardInterrupt):
        complete(opened(setting, cache()), Web([model]), setting, QUIET)
    kept = opened(setting, cache()).entries
    assert kept.keys() == {key for group in groups for key in group}
    monkeypatch.setattr(completing, "_measured", measured)
    table = opened(setting, cache())
    complete(table, Web([model]), setting, QUIET)
    assert table.latency(model) and all(table.entries[key] == entry for key, entry in kept.items())


def test_measuring_anew_replaces_what_these_networks_have_and_nothing_else(model, space):
    from random import Random

    setting = present.setting(device="cpu", threads=1)
    other = space.genotype(space.draw(Random(0)))
    table = opened(setting, cache())
    complete(table, Web([model, other]), setting, QUIET)
    before = dict(table.entries)
    complete(table, Web([model]), setting, QUIET, anew=True)
    own = {state.key for state in Web([model]).states(table)[0]}
    assert {key for key, entry in table.entries.items() if entry != before[key]} == own
    assert load(table.path).entries == table.entries


def test_a_piece_that_does_not_run_leaves_the_others(model):
    from nas import content
    from nas import genotype as genotypes

    sev = genotypes.load(content.find("sevnet-g8", "models")).model_copy(update={"input": model.input, "classes": 5})
    setting, page = present.setting(device="cpu", threads=1, dtype="bf16"), told()
    table = opened(setting, cache())
    complete(table, Web([model, sev]), setting, page)
    assert table.latency(model) and table.latency(sev) is None
    assert "not measured, nor networks that have them: does not run in this way" in page.file.getvalue()


def test_much_work_is_announced(model, monkeypatch):
    monkeypatch.setattr(completing, "MUCH", 0.0)
    setting, page = present.setting(device="cpu", threads=1), told()
    complete(opened(setting, cache()), Web([model]), setting, page)
    text = page.file.getvalue()
    assert f"{len(Web([model]))} blocks to measure, once on this device" in text and "about 0 s; interrupted" in text
    assert LINE_EVERY > 1


def test_whole_networks_are_held_against_the_sum(model):
    setting = present.setting(device="cpu", threads=1)
    table = opened(setting, cache())
    complete(table, Web([model]), setting, QUIET)
    wholes.add_check(table, model, 12.0)
    (check,) = table.checks.values()
    assert (check.whole, check.pieces) == (12.0, table.latency(model)) and check.ratio == check.pieces / 12
    wholes.add_check(table, model, 13.0)
    assert [one.whole for one in table.checks.values()] == [13.0]
    other = model.model_copy(update={"classes": 7})
    wholes.add_check(table, other, 1.0)
    assert len(table.checks) == 1, "its head is not measured"


def test_networks_that_do_not_fit_leave_the_others(model):
    setting = present.setting(device="cpu", threads=1)
    huge = present.setting(device="cpu", threads=1, batch=10**9)
    ticks = []
    jobs = [wholes.Job(model, huge), wholes.Job(model, setting)]
    problem, whole = wholes.measured(jobs, rounds=3, tick=lambda: ticks.append(1))
    assert "out of memory" in str(problem) and whole.times.samples == 3 and len(ticks) == 3
    assert whole.activations > 0 and whole.weights == sum(t.nbytes for t in build(model, seed=0).state_dict().values())


@pytest.mark.gpu
def test_a_sum_of_pieces_is_near_the_whole_network_on_a_gpu(model, monkeypatch):
    monkeypatch.setattr(completing, "ROUNDS", 10)
    setting = present.setting(device="cuda", batch=8)
    table = opened(setting, cache())
    complete(table, Web([model]), setting, QUIET)
    (whole,) = wholes.measured([wholes.Job(model, setting)])
    assert 0.4 < table.latency(model) / whole.times.median < 2.5

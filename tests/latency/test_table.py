"""Tables of pieces: sums, files, and what several writers and versions do to them."""

import json
from random import Random

import pytest

from nas.errors import NasError
from nas.latency.blocks import State, Web, nodes
from nas.latency.setting import LAST, Setting
from nas.latency.table import Check, Entry, agreement, load, opened
from tests.latency.conftest import CPU, made_up


def by_hand(model, table):
    """The sum of a network's pieces, one after the other."""
    layout, total = LAST, 0.0
    for node in nodes(model):
        entry = table.entries[State(*node, layout).key]
        total, layout = total + entry.ms, entry.after
    return total


def test_a_latency_is_the_sum_of_the_pieces_in_the_layouts_that_they_meet(space):
    rng = Random(0)
    models = [space.genotype(space.draw(rng)) for _ in range(30)]
    table = made_up(*models)
    found = [table.latency(model) for model in models]
    assert found == pytest.approx([by_hand(model, table) for model in models], abs=1e-3) and len(set(found)) > 20


def test_a_network_with_an_unknown_piece_has_no_latency_until_it_is_known(model):
    table, whole = made_up(), made_up(model)
    missing = dict(list(whole.entries.items())[-1:])
    table.take({key: entry for key, entry in whole.entries.items() if key not in missing})
    assert table.latency(model) is None
    table.take(missing)
    assert table.latency(model) == whole.latency(model)


def test_what_is_measured_stays_unless_it_is_measured_anew(model):
    table = made_up(model)
    key, entry = next(iter(table.entries.items()))
    before = table.latency(model)
    table.take({key: entry._replace(ms=entry.ms + 5)})
    assert table.latency(model) == before
    table.replace({key: entry._replace(ms=entry.ms + 5)})
    assert table.latency(model) == pytest.approx(before + 5 * count_of(model, key))


def count_of(model, key):
    """How often a piece stands in a network."""
    table, layout, found = made_up(model), LAST, 0
    for node in nodes(model):
        state = State(*node, layout)
        found, layout = found + (state.key == key), table.after(state)
    return found


def test_a_file_holds_all(model, tmp_path):
    table = made_up(model, path=tmp_path / "deep" / "table.json")
    table.checks["k"] = Check("k", "a network", 10.0, 11.0)
    table.save()
    again = load(table.path)
    assert again.entries == table.entries and again.checks == table.checks and str(again) == str(table)
    assert again.latency(model) == table.latency(model)
    assert str(table) == "A CPU, 1 thread, fp32, channels_last, batch 1, torch 0"


def test_two_writers_lose_nothing_and_the_first_one_counts(tmp_path):
    path = tmp_path / "table.json"
    one, other = made_up(path=path), made_up(path=path)
    one.take({"a": Entry(1.0, 0.0, LAST), "b": Entry(2.0, 0.0, LAST)})
    other.take({"b": Entry(9.0, 0.0, LAST), "c": Entry(3.0, 0.0, LAST)})
    one.save()
    other.save()
    assert {key: entry.ms for key, entry in load(path).entries.items()} == {"a": 1.0, "b": 2.0, "c": 3.0}
    other.replace({"b": Entry(9.0, 0.0, LAST)})
    other.save()
    assert load(path).entries["b"].ms == 9.0


def test_every_setting_has_a_table_of_its_own(tmp_path):
    settings = [
        CPU, Setting("cpu", "A CPU", threads=2), Setting("cpu", "Another", threads=1), Setting("cuda:0", "A GPU"),
        Setting("cpu", "A CPU", threads=1, dtype="bf16"), Setting("cpu", "A CPU", threads=1, batch=8),
        Setting("cpu", "A CPU", threads=1, memory_format="contiguous"),
    ]  # fmt: skip
    tables = [opened(setting, tmp_path) for setting in settings]
    assert len({table.path for table in tables}) == len(settings)
    assert opened(Setting("cuda:3", "A GPU"), tmp_path).path == tables[3].path, "equal devices share their figures"
    assert tables[0].made_here(CPU) and not tables[0].made_here(settings[1])
    tables[0].versions = {**tables[0].versions, "torch": "1.0"}
    assert not tables[0].made_here(CPU)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "damaged"), ("[]", "damaged"), ('{"schema": 1}', "damaged"), ('{"schema": 99}', "newer"),
        ('{"schema": 1, "setting": {}, "versions": {}, "blocks": {"a": {"ms": 1}}, "checks": []}', "damaged"),
    ],
)  # fmt: skip
def test_what_is_no_table_is_told(tmp_path, text, word):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(NasError, match=word):
        load(tmp_path / "t.json")


def test_a_table_is_readable_json(model, tmp_path):
    table = made_up(model, path=tmp_path / "t.json")
    table.save()
    told = json.loads((tmp_path / "t.json").read_text())
    assert told["setting"]["hardware"] == "A CPU" and told["blocks"].keys() == {
        state.key for state in Web([model]).states(table)[0]
    }


def test_agreement_is_worst_where_the_ratio_is_farthest_from_one():
    assert agreement([]) is None
    found = agreement([1.0, 1.5, 0.5, 1.1])
    assert (found.networks, found.middle, found.worst) == (4, 1.05, 0.5)

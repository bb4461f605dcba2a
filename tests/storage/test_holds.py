"""Several drivers on one study of a PostgreSQL: no network twice, no trial lost, none taken from whoever lives."""

import json
import signal
import threading
import time
from collections import Counter
from io import StringIO

import pytest
from rich.console import Console

from nas import study
from nas.engines.here import Here
from nas.progress import SearchReporter
from nas.search import loop
from nas.storage import holds
from nas.storage.process import Process
from tests.storage import drivers


@pytest.fixture
def opened(tmp_path, postgres):
    return drivers.new(tmp_path / "study", postgres.url(postgres.database()))


@pytest.fixture
def elsewhere(opened, monkeypatch):
    """A driver on another host, of whose process nothing is known here."""
    there = drivers.again(opened)
    process = Process("elsewhere", "far", 4711, "1", "another machine")
    there._holds.process, there._holds.text = process, json.dumps(process.told())
    return there


def test_a_network_is_added_once_and_no_trial_beyond_the_limit(opened):
    other = drivers.again(opened)
    assert drivers.add(opened, 0).number == 0
    assert drivers.add(other, 0) is None, "it does not know of the first one's yet"
    assert drivers.add(other, 1).number == 1
    assert drivers.add(opened, 2, limit=2) is None
    assert drivers.add(opened, 2, limit=3).number == 2
    assert [trial.number for trial in other.trials()] == [0, 1, 2] and other.trials() == opened.trials()


def test_many_at_once_add_every_network_once(opened):
    every = [drivers.again(opened) for _ in range(6)]
    added = Counter()

    def adds(one):
        for number in range(12):
            if trial := drivers.add(one, number, limit=10):
                added[trial.number, trial.key] += 1

    threads = [threading.Thread(target=adds, args=(one,)) for one in every]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    trials = opened.trials()
    assert [trial.number for trial in trials] == list(range(10)) and len({trial.key for trial in trials}) == 10
    assert set(added.values()) == {1} and len(added) == 10


def test_a_lone_driver_has_no_name_and_several_have_their_own(opened, elsewhere, monkeypatch):
    monkeypatch.setattr(holds, "LOOKED", 0.0)
    assert opened.driver == ""
    drivers.add(opened, 0)
    assert opened.driver == "" and elsewhere.driver == "elsewhere"
    drivers.add(elsewhere, 1)
    assert opened.driver not in ("", "elsewhere")
    elsewhere.complete(1, drivers.outcome(0.5))
    assert opened.driver == ""


def test_trials_of_a_living_driver_are_left_alone_and_those_of_a_silent_one_are_taken_once(opened, elsewhere):
    drivers.add(elsewhere, 0)
    drivers.add(elsewhere, 1)
    third = drivers.again(opened)
    assert opened.orphans(()) == [] and third.orphans(()) == []
    silent(opened, "61 seconds", "number = 1")
    assert [trial.number for trial in opened.orphans(())] == [1]
    assert [trial.number for trial in third.orphans(())] == [1]
    with opened.driven():
        assert opened.take(1).attempts == 2
        assert third.take(1) is None, "the first one has it"
        assert opened.orphans({1}) == [] and third.orphans(()) == []
    assert [trial.attempts for trial in third.trials()] == [1, 2]


def silent(opened, how_long, which):
    """No heartbeat of some trials since then."""
    with opened.storage.engine.begin() as connection:
        connection.exec_driver_sql(
            f"UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '{how_long}' "
            f"WHERE trial_id IN (SELECT trial_id FROM trials WHERE {which})"
        )


def test_a_driver_that_comes_back_in_time_keeps_its_trial(opened, elsewhere):
    drivers.add(elsewhere)
    silent(opened, "2 minutes", "number = 0")
    assert len(opened.orphans(())) == 1
    elsewhere.storage(elsewhere._holds._beat_all)
    assert opened.take(0) is None


def test_heartbeats_go_on_while_a_driver_trains(opened, elsewhere, monkeypatch):
    monkeypatch.setattr(holds, "BEAT", 0.1)
    monkeypatch.setattr(holds, "GRACE", 0.6)
    with elsewhere.driven():
        drivers.add(elsewhere)
        until = time.monotonic() + 1.5
        while time.monotonic() < until:
            assert opened.orphans(()) == []
            time.sleep(0.05)
    time.sleep(0.8)
    assert len(opened.orphans(())) == 1


def test_clocks_of_hosts_do_not_matter(opened, elsewhere, monkeypatch):
    """A driver whose clock is an hour ahead or behind lives by the database's."""
    from datetime import UTC, datetime, timedelta

    for hours in (-1, 1):
        wrong = datetime.now(UTC).replace(tzinfo=None) + timedelta(hours=hours)
        monkeypatch.setattr("nas.storage.trials.now", lambda wrong=wrong: wrong)
        drivers.add(elsewhere, 1 + hours)
        assert opened.orphans(()) == []


def test_the_trials_of_a_process_that_died_here_are_taken_at_once(opened, postgres):
    one = drivers.process(opened.folder, 3, 30.0, postgres.password)
    assert one.stdout.readline().startswith("began 0")
    assert opened.orphans(()) == []
    one.send_signal(signal.SIGKILL)
    one.communicate(timeout=30)
    (left,) = opened.orphans(())
    assert opened.take(left.number).attempts == 2


def test_a_released_trial_is_free_at_once_and_its_attempt_does_not_count(opened, elsewhere):
    drivers.add(elsewhere)
    elsewhere.release(0)
    assert [(trial.number, trial.attempts) for trial in opened.orphans(())] == [(0, 0)]
    assert opened.take(0).attempts == 1
    elsewhere.release(0)
    assert opened.trial(0).attempts == 1 and opened.orphans({0}) == [], "it is not his any more"


def test_a_lost_worker_s_trial_is_this_driver_s_to_take(opened, elsewhere):
    drivers.add(opened)
    assert [trial.number for trial in opened.orphans(())] == [0] and elsewhere.orphans(()) == []
    assert opened.take(0).attempts == 2


def test_a_driver_that_wakes_up_late_overwrites_nothing(opened, elsewhere):
    told = []
    elsewhere.storage.tell = told.append
    for number in range(2):
        drivers.add(elsewhere, number)
    silent(opened, "5 minutes", "true")
    for number in (0, 1):
        opened.orphans(())
        assert opened.take(number)
    opened.complete(0, drivers.outcome(0.7))
    elsewhere.complete(0, drivers.outcome(0.1))
    assert opened.trial(0).accuracy == 0.7
    elsewhere.fail(1, "out of memory")
    elsewhere.note(1, [{"epoch": 1, "val_accuracy": 0.9}])
    assert opened.trial(1).state == "running" and opened.trial(1).so_far == []
    assert told == [f"trial {n}: another driver has it by now, so this result of it is dropped" for n in (0, 1)]


def test_a_search_goes_on_after_a_trial_that_was_taken_from_it(opened, elsewhere):
    """Its driver was suspended so long that another one took the trial, and the training then failed."""
    first, elsewhere.storage.tell = [], lambda text: None

    def fails(genotype, **more):
        if not first:
            silent(opened, "5 minutes", "true")
            opened.orphans(())
            first.append(opened.take(0))
            raise RuntimeError("odd shape")
        return drivers.training()(genotype, **more)

    reporter = SearchReporter(Console(file=StringIO()), "study", ("accuracy", "mparams"), 3, drivers.EPOCHS)
    why = loop.run(elsewhere, drivers.space_of(opened), Here(fails), reporter, trials=3)
    assert why == "all 3 trials are begun, 1 in training elsewhere (should that end, the same command takes over)"
    assert [trial.state for trial in opened.trials()] == ["running", "complete", "complete"]
    assert "trial 0 of 3: another driver has it by now; it is trained again" in reporter.console.file.getvalue()


def test_after_the_database_was_away_others_get_time_to_come_back(opened, elsewhere):
    drivers.add(elsewhere)
    silent(opened, "2 minutes", "true")
    opened.storage.back = time.monotonic()
    assert opened.orphans(()) == []
    opened.storage.back = time.monotonic() - 61
    assert len(opened.orphans(())) == 1


def test_a_lone_driver_searches_as_it_would_on_sqlite(tmp_path, opened):
    plain = drivers.new(tmp_path / "plain" / "study")
    for one in (plain, opened):
        drivers.search(one, 8)
    assert drivers.told(opened) == drivers.told(plain)


def test_several_processes_train_each_network_once(opened, postgres):
    every = [drivers.process(opened.folder, 15, 0.05, postgres.password) for _ in range(3)]
    lines = [one.communicate(timeout=120) for one in every]
    assert [one.returncode for one in every] == [0] * 3, lines
    ended = [line.split()[1:] for out, _ in lines for line in out.splitlines() if line.startswith("ended")]
    assert sorted(int(number) for number, _ in ended) == list(range(15)) and len({key for _, key in ended}) == 15
    assert all(any(line.startswith("ended") for line in out.splitlines()) for out, _ in lines)
    last = [out.splitlines()[-1] for out, _ in lines]
    assert all(line == "all 15 trials are done" or "in training elsewhere" in line for line in last)
    assert {trial.state for trial in opened.trials()} == {"complete"}


def test_a_driver_that_was_suspended_drops_its_result(opened, postgres):
    """Really suspended, as a laptop that sleeps: its trial is trained elsewhere meanwhile."""
    sleeper = drivers.process(opened.folder, 1, 0.5, postgres.password, grace=1.5)
    assert sleeper.stdout.readline().startswith("began 0")
    sleeper.send_signal(signal.SIGSTOP)
    time.sleep(2.5)
    other = drivers.process(opened.folder, 1, 0.01, postgres.password, grace=1.5)
    out, err = other.communicate(timeout=60)
    assert other.returncode == 0 and "ended 0" in out, err
    (before,) = opened.trials()
    sleeper.send_signal(signal.SIGCONT)
    out, err = sleeper.communicate(timeout=60)
    assert sleeper.returncode == 0, err
    assert err == "trial 0: another driver has it by now, so this result of it is dropped\n"
    assert out.splitlines()[-1] == "all 1 trials are done"
    assert opened.trials() == [before] and (before.state, before.attempts) == ("complete", 2)
    assert drivers.again(opened).trials() == [before]


def test_a_search_beside_another_says_what_is_still_elsewhere(opened, elsewhere):
    drivers.add(elsewhere, 0)
    assert (
        drivers.search(opened, 3)
        == "all 3 trials are begun, 1 in training elsewhere (should that end, the same command takes over)"
    )
    assert [trial.state for trial in opened.trials()] == ["running", "complete", "complete"]


def test_studies_of_one_database_know_nothing_of_each_other(tmp_path, opened, postgres):
    other = drivers.new(tmp_path / "other", str(opened.storage.where))
    drivers.add(opened, 0)
    drivers.add(other, 0)
    drivers.add(other, 1)
    opened.complete(0, drivers.outcome(0.5))
    assert [trial.state for trial in study.open_study(opened.folder).trials()] == ["complete"]
    assert [trial.state for trial in study.open_study(other.folder).trials()] == ["running", "running"]
    assert drivers.again(opened).orphans(()) == []

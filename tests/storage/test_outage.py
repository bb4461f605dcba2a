"""The database goes away and comes back: a search waits, loses nothing, and writes nothing twice."""

import threading
import time

import psycopg
import pytest

from nas.errors import NasError
from nas.storage import database
from tests.storage import drivers


@pytest.fixture
def opened(tmp_path, postgres):
    return drivers.new(tmp_path / "study", postgres.url(postgres.database()))


def lines(process, count):
    """So many lines of a driver."""
    return [process.stdout.readline().strip() for _ in range(count)]


@pytest.mark.parametrize("mode", ["fast", "immediate"])  # an administrator's restart; a crash
def test_a_search_goes_on_where_it_was(tmp_path, opened, postgres, mode):
    undisturbed = drivers.new(tmp_path / "undisturbed" / "study")
    drivers.search(undisturbed, 12)
    one = drivers.process(opened.folder, 12, 0.05, postgres.password)
    lines(one, 7)
    postgres.restart(pause=1.5, mode=mode)
    out, err = one.communicate(timeout=120)
    assert one.returncode == 0, err
    assert out.splitlines()[-1] == "all 12 trials are done"
    away, back = err.splitlines()
    assert f"127.0.0.1:{postgres.port}/" in away and "the database is away (" in away and "for 5 min" in away, err
    assert ": back after " in back, err
    assert drivers.told(opened) == drivers.told(undisturbed)
    assert postgres.password not in out + err


def test_two_drivers_go_on_and_no_network_is_trained_twice(opened, postgres):
    both = [drivers.process(opened.folder, 24, 0.05, postgres.password) for _ in range(2)]
    for one in both:
        lines(one, 3)
    postgres.restart(pause=1.0)
    told = [one.communicate(timeout=120) for one in both]
    assert [one.returncode for one in both] == [0, 0], told
    trials = opened.trials()
    assert [(trial.number, trial.state, trial.attempts) for trial in trials] == [(n, "complete", 1) for n in range(24)]
    assert len({trial.key for trial in trials}) == 24


def test_it_stays_away_and_the_search_ends_in_a_line_and_goes_on_later(opened, postgres, monkeypatch):
    monkeypatch.setattr("nas.study.PATIENCE", 1.0)
    told = []
    opened.storage.tell = told.append
    stops, begun = threading.Thread(target=postgres.stop), []

    def begins(genotype):
        begun.append(genotype)
        if len(begun) == 3:
            stops.start()

    with pytest.raises(NasError, match=r"^postgresql://nas@127.*: the database does not answer \(.*\); see that"):
        drivers.search(opened, 30, seconds=0.1, begins=begins)
    stops.join()
    assert told and "is away" in told[0], told
    for line in told[1:]:  # where a trial was in training just then
        assert "trial" in line and "could not be given back" in line
    postgres.start()
    states = [trial.state for trial in opened.trials()]
    assert len(states) > 2 and set(states[:-1]) == {"complete"}, states  # the last one may have been in training
    drivers.search(drivers.again(opened), 30)
    assert {trial.state for trial in opened.trials()} == {"complete"}


def test_a_command_that_begins_says_so_at_once(opened, postgres):
    postgres.stop()
    started = time.monotonic()
    with pytest.raises(NasError, match="does not answer"):
        drivers.again(opened)
    assert time.monotonic() - started < 10


@pytest.fixture
def answer_lost(opened, monkeypatch):
    """The next commit happens, and its answer is lost with the connection."""
    dialect, armed = opened.storage.engine.dialect, []
    commit = dialect.do_commit

    def loses(connection):
        commit(connection)
        if armed:
            armed.clear()
            connection.dbapi_connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(dialect, "do_commit", loses)
    opened.storage.patience = 30.0
    return lambda: armed.append(True)


def test_an_added_trial_whose_answer_was_lost_is_one_trial(opened, answer_lost):
    answer_lost()
    assert drivers.add(opened).number == 0
    assert [trial.attempts for trial in opened.trials()] == [1]
    assert opened.driver == ""
    other = drivers.again(opened)
    assert drivers.add(other) is None


def test_an_end_whose_answer_was_lost_is_no_other_driver_s(opened, answer_lost):
    told = []
    opened.storage.tell = told.append
    for number, end in enumerate(("complete", "stop", "fail")):
        drivers.add(opened, number)
        answer_lost()
        getattr(opened, end)(number, "diverged" if end == "fail" else drivers.outcome(0.5))
    assert [trial.state for trial in opened.trials()] == ["complete", "stopped", "failed"]
    assert told == []


def test_attempts_are_counted_once_though_the_answer_was_lost(opened, answer_lost):
    drivers.add(opened)
    opened.orphans(())
    answer_lost()
    assert opened.take(0).attempts == 2
    answer_lost()
    opened.release(0)
    assert opened.trial(0).attempts == 1
    opened.orphans(())
    answer_lost()
    opened.note(0, [])
    assert opened.take(0).attempts == 2


def test_another_error_is_no_outage(opened):
    opened.storage.patience = 30.0
    with pytest.raises(Exception, match="division by zero"):
        opened.storage(lambda connection, _: connection.exec_driver_sql("SELECT 1 / 0"))


def test_ctrl_c_while_it_waits(opened, postgres, monkeypatch):
    opened.storage.patience = 30.0
    opened.storage.tell = lambda text: None
    monkeypatch.setattr(database.time, "sleep", lambda seconds: (_ for _ in ()).throw(KeyboardInterrupt))
    postgres.stop()
    with pytest.raises(KeyboardInterrupt):
        opened.trials()
    assert opened.storage.patience == 0.0, "and what comes after it does not wait again"

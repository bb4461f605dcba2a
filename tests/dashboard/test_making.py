"""`nas dashboard` on the command line: pages, pictures, and all that is refused."""

import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from PIL import Image

from nas.dashboard import board
from tests.searched import searched


@pytest.fixture
def opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return searched(tmp_path, 12)


def test_a_page_is_written_into_the_study(opened, nas):
    status, out, err = nas("dashboard", "s")
    assert (status, err) == (0, "") and out.startswith("wrote s/default.html: 12 trials, ") and "no network" in out
    assert (opened.folder / "default.html").stat().st_size < 6_000_000
    assert not [path for path in opened.folder.iterdir() if path.name.startswith(".")]


def test_other_boards_other_places_and_several_studies(opened, nas, tmp_path):
    searched(tmp_path, 3, name="other")
    assert nas("dashboard", "s", "--board", "deflation")[0] == 0 and (opened.folder / "deflation.html").exists()
    assert nas("dashboard", "s", "other", "--board", "compare", "--out", "both.html")[0] == 0
    text = Path("both.html").read_text()
    assert "s and other" in text and "fronts_compared" in text
    Path("mine.yaml").write_text("sections: [{heading: A, figures: [{figure: front_3d}]}]")
    assert nas("dashboard", "s", "--board", "mine.yaml")[0] == 0 and (opened.folder / "mine.html").exists()


def test_a_figure_as_pictures(opened, nas):
    figure = ("--figure", "accuracy_over_cost", "--option", "cost=mparams", "--width", "80mm", "--height", "120mm")
    status, out, err = nas("dashboard", "s", *figure, "--no-title", "--png", "a.png", "--svg", "a.svg")
    assert (status, err) == (0, "") and "wrote a.png" in out and "wrote a.svg" in out
    assert abs(Image.open("a.png").width - 3 * 80 * 96 / 25.4) < 4 and "Mparams" in Path("a.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["gone"], "gone: no such folder; Known: broken s t"),
        (["s", "--board", "fidelty"], "did you mean 'fidelity'?"),
        (["s", "--board", "wrong.yaml"], "wrong.yaml:1: sections.0.figures.0.figure: the figure 'x' is unknown"),
        (["s", "--figure", "front3d", "--png", "a.png"], "the figure 'front3d' is unknown; did you mean 'front_3d'?"),
        (["s", "--figure", "front_3d", "--png", "a.jpg"], "a.jpg: does not end in its format; name it a.png"),
        (["s", "--figure", "front_3d", "--png", "gone/a.png"], "gone/a.png: cannot be written"),
        (["s", "--figure", "accuracy_over_cost", "--option", "costs=1", "--png", "a.png"], "did you mean 'cost'?"),
        (["s", "--figure", "accuracy_over_cost", "--option", "cost", "--png", "a.png"], "--option cost has no value"),
        (["s", "t", "--figure", "front_3d", "--png", "a.png"], "shows one study; of several studies: fronts_compared"),
        (["s", "./s"], "s: is named twice; name each study once"),
        (["s", "--out", "gone/a.html"], "gone/a.html: cannot be written"),
        (["broken"], "broken/study.db: is no study database or is damaged"),
    ],
)
def test_mistakes_are_one_line_and_write_nothing(opened, nas, arguments, told):
    Path("wrong.yaml").write_text("sections: [{heading: A, figures: [{figure: x}]}]")
    searched(Path(), 2, name="t")
    Path("broken").mkdir()
    Path("broken/study.db").write_text("no database")
    before = sorted(Path().rglob("*"))
    status, out, err = nas("dashboard", *arguments)
    assert status == 1 and out == "" and err.count("\n") == 1 and told in err, err
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--figure", "front_3d"], "belong together"),
        (["--png", "a.png"], "belong together"),
        (["--figure", "front_3d", "--png", "a.png", "--width", "9 miles"], "is no length such as 89mm, 3.5in or 700"),
        (["--port", "70000"], "less than or equal to 65535"),
    ],
)
def test_wrong_calls_exit_with_2(opened, nas, arguments, told):
    status, _, err = nas("dashboard", "s", *arguments)
    assert status == 2 and told in " ".join(err.split())


def test_it_is_served_until_it_is_interrupted(opened, tmp_path):
    command = [sys.executable, "-m", "nas", "dashboard", "s", "--serve", "--port", "0", "--board", "compare"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as server:
        line = server.stdout.readline()
        address = line.split()[1]
        assert line.startswith("serving http://127.0.0.1:") and "Ctrl-C" in line
        assert "12 trials" in urllib.request.urlopen(address, timeout=30).read().decode()
        time.sleep(0.2)
        server.send_signal(2)
        assert server.wait(20) == 0 and "ended" in server.stdout.read()


def test_an_optuna_dashboard_opens_the_study(opened):
    import json

    import optuna
    from optuna_dashboard import wsgi

    storage = optuna.storages.RDBStorage(f"sqlite:///{opened.folder / 'study.db'}")
    told = []
    server = wsgi(storage)

    def ask(path):
        return json.loads(b"".join(server(environ(path), lambda status, *_: told.append(status))))

    (study,) = ask("/api/studies")["study_summaries"]
    detail = ask(f"/api/studies/{study['study_id']}")
    assert told == ["200 OK", "200 OK"] and study["study_name"] == "s"
    assert len(detail["trials"]) == 12 and detail["directions"] == ["maximize", "minimize"]


def environ(path):
    from wsgiref.util import setup_testing_defaults

    made = {"PATH_INFO": path}
    setup_testing_defaults(made)
    return made


def test_every_board_has_a_name_of_its_own():
    assert {path.stem for path in Path(__file__).parent.parent.parent.glob("dashboards/*.yaml")} == {
        "default", "pareto", "interactions", "deflation", "fidelity", "compare",
    }  # fmt: skip
    assert board.load("compare").about

"""Dashboards in YAML: every shipped one is read and drawn, every mistake is one line that names the place."""

from pathlib import Path

import pytest

from nas import content
from nas.dashboard import board
from nas.errors import NasError
from nas.plots import registry
from tests.study_frame import made_up


@pytest.mark.parametrize("path", sorted(Path("dashboards").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_shipped_dashboard_shows_what_there_is(path):
    found = board.load(path)
    tables = made_up(12)
    tables["studies"] = tables["trials"].assign(study="made-up")
    shown = [one for section in found.sections for one in section.figures]
    assert found.about and len({one.name for one in shown}) == len(shown)
    for one in shown:
        figure = registry.drawn(one.figure, tables, one.options)
        assert figure.layout.title.text and len(figure.data)


def test_every_figure_stands_on_a_shipped_dashboard():
    boards = map(board.load, content.names(board.FOLDER))
    shown = {one.figure for found in boards for section in found.sections for one in section.figures}
    assert shown == set(registry.names())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("sections: [{heading: A, figures: [{figure: accuracy_over_costs}]}]",
         "figures.0.figure: the figure 'accuracy_over_costs' is unknown; did you mean 'accuracy_over_cost'?"),
        ("sections: [{heading: A, figures: [{figure: accuracy_over_cost, options: {costs: mparams}}]}]",
         "sections.0.figures.0.options.costs: the key 'costs' is unknown; did you mean 'cost'?"),
        ("sections: [{heading: A, figures: [{figure: accuracy_over_cost, options: {cost: gflop}}]}]",
         "sections.0.figures.0.options.cost: gflop does not fit; did you mean 'gflops'?"),
        ("sections: [{heading: A, figures: [{figure: decision_effects, options: {decisions_shown: -1}}]}]",
         "decisions_shown: -1 does not fit: input should be greater than 0"),
        ("sections: [{heading: A, figures: [{figure: front_pairs, options: {columns: [gflops, parms]}}]}]",
         "options.columns.1: parms does not fit; did you mean 'mparams'?"),
        ("sections: [{heading: A, figure: []}]", "sections.0.figure: the key 'figure' is unknown; did you mean"),
        ("sections: []", "sections: [] is too short; write 1 or more"),
        ("sections: 3", "sections: 3"),
        ("about: x", "sections"),
        ("nas: 2\nsections: [{heading: A, figures: [{figure: front_3d}]}]", "nas: 2"),
        ("[a]", "should be a map"),
        ("a: [", "mine.yaml:"),
    ],
)  # fmt: skip
def test_mistakes_name_the_place_and_what_would_work(tmp_path, text, told):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(NasError) as error:
        board.load(tmp_path / "mine.yaml")
    assert told in str(error.value) and "mine.yaml" in str(error.value) and "\n" not in str(error.value)


def test_an_unknown_dashboard_names_the_nearest():
    with pytest.raises(NasError, match="did you mean 'fidelity'"):
        board.load("fidelty")

"""`nas compare` of spaces on real trainings: one study a space, at one clip, and the same command trains nothing."""

import io

import pandas as pd
import pytest
from rich.console import Console

from nas import comparing_spaces, study
from nas.data import motion
from nas.errors import NasError
from tests.spaces import TINY

RECIPE = """
nas: 1
space: a.yaml
budget: 3mflops
objectives: [accuracy, gflops]
sampler: {kind: evolution}
data: {path: VIDEOS, pack: {every: 1, frames: 8, size: 24}}
proxy: {width: 0.5, depth: 1.0, clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 2, batch: 8}}
stopping: {rungs: [1]}
"""
BIG = "input: {frames: 8, size: 48}"
LARGE = TINY.replace("width: 8, block: &block", "width: !choice [8, 16], block: &block")


@pytest.fixture
def folder(tmp_path, videos, monkeypatch):
    """A working folder with two spaces, one of them at a larger clip, and the default recipe."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_CACHE", str(videos.parent / "cache"))
    (tmp_path / "space").mkdir()
    (tmp_path / "space" / "a.yaml").write_text(TINY)
    (tmp_path / "space" / "b.yaml").write_text(LARGE.replace("input: {frames: 4, size: 32}", BIG))
    (tmp_path / "studies" / "motion").mkdir(parents=True)
    (tmp_path / "studies" / "motion" / "study.yaml").write_text(RECIPE.replace("VIDEOS", str(videos)))
    return tmp_path


def compare(*spaces, trials=10, width=100, **flags):
    console, asked = Console(file=io.StringIO(), width=width), list(spaces or ("space/a.yaml", "b"))
    flags = {"budget": None, "seed": None, "data.path": None} | flags
    more = {"device": "cpu", "workers": 1, "imports": (), "console": console}
    comparing_spaces.compare(asked, flags, trials=trials, **more)
    return console.file.getvalue()


def trials(folder, name="compare-a-b-3mflops"):
    return {label: study.open_study(folder / "studies" / name / label).trials() for label in ("a", "b")}


def test_each_space_is_sampled_alike_and_compared(folder):
    told = compare()
    found = trials(folder)
    assert all(trial.state == "complete" for part in found.values() for trial in part)
    assert {len(part) for part in found.values()} == {10}
    assert all(trial.sampler == "uniform" and trial.cost.macs <= 3e6 for part in found.values() for trial in part)
    assert "a, b, 10 networks each, drawn uniformly within 3mflops, costs of one 4x32x32 clip" in told
    assert "put at that clip, which is not their own: b" in told
    assert "spaces at equal complexity" in told and "a against b" in told
    made = folder / "studies" / "compare-a-b-3mflops"
    tables = {path.stem: pd.read_csv(path) for path in made.glob("*.csv")}
    assert set(tables) == {"networks", "spaces", "differences", "decisions"}
    networks = tables["networks"]
    assert networks.groupby("space").size().to_dict() == {"a": 10, "b": 10} and networks["weight"].sum() > 1.9
    decisions = {name for name in networks.columns if name.startswith("decision.")}
    assert "decision.block" in decisions and not any("decision.b." in name for name in decisions)
    page = (made / "compare.html").read_text()
    assert "<h1>a against b</h1>" in page and "Error at equal complexity" in page and "a against b: " in page


def test_the_same_command_trains_nothing_and_more_trials_are_added(folder):
    assert compare().count("accuracy 0.") >= 20
    before = {label: [(t.key, t.accuracy) for t in part] for label, part in trials(folder).items()}
    again = compare("b", "a")
    assert "accuracy 0." not in again and "spaces at equal complexity" in again
    compare(trials=12)
    after = {label: [(t.key, t.accuracy) for t in part] for label, part in trials(folder).items()}
    assert all(after[label][:10] == before[label] and len(after[label]) == 12 for label in before)


def test_costs_and_budget_are_those_of_one_clip(folder):
    compare()
    from nas import fronts
    from nas.genotype import Clip

    found = trials(folder)
    clips = {fronts.genotype_of(trial).input for part in found.values() for trial in part}
    assert clips == {Clip(frames=4, size=32)}
    table = pd.read_csv(folder / "studies" / "compare-a-b-3mflops" / "networks.csv")
    macs = [trial.cost.macs / 1e9 for label in ("a", "b") for trial in found[label]]
    assert table["gflops"].tolist() == pytest.approx(macs)


def test_another_recipe_or_space_is_told_and_overwrites_nothing(folder):
    compare(budget="2mflops")
    with pytest.raises(NasError, match="started with another recipe: seed: 0 -> 1"):
        compare(budget="2mflops", seed=1)
    path = folder / "studies" / "motion" / "study.yaml"
    path.write_text(path.read_text().replace("epochs: 2", "epochs: 3"))
    with pytest.raises(NasError, match="another recipe: proxy.train.epochs: 2 -> 3"):
        compare(budget="2mflops")
    path.write_text(path.read_text().replace("epochs: 3", "epochs: 2"))
    space = folder / "space" / "b.yaml"
    space.write_text(space.read_text().replace("!int [1, 3]", "!int [1, 4]"))
    with pytest.raises(NasError, match="space/b.yaml: has changed since the comparison was started"):
        compare(budget="2mflops")


def test_other_videos_are_refused(folder):
    compare()
    other = motion.generate(folder / "other", motion.MotionSettings(train=20, val=10, size=32), workers=1)
    with pytest.raises(NasError, match="videos differ"):
        compare(**{"data.path": str(other)})


def test_spaces_of_other_costs_are_told_with_their_ranges(folder):
    (folder / "space" / "b.yaml").write_text(LARGE.replace("width: 8", "width: 64").replace("[8, 16]", "[64]"))
    with pytest.raises(NasError, match="share no range of GFLOPs .*a has 10 of .*, b has 10 of .*more --trials"):
        compare(budget="100mflops")
    assert len(pd.read_csv(folder / "studies" / "compare-a-b-100mflops" / "networks.csv")) == 20


@pytest.mark.parametrize(
    ("spaces", "more", "words"),
    [
        (("a",), {}, "one space has nothing to be compared with"),
        (("a", "space/a.yaml"), {}, "is named twice"),
        (("a", "other/a.yaml"), {}, "has the name of space/a.yaml; rename"),
        (("a", "twin"), {}, "is the same space as space/a.yaml"),
        (("a", "nothing"), {}, "no such file or space name"),
        (("a", "b"), {"trials": 9}, "9 networks of each space are too few"),
        (("a", "b"), {"budget": "3mflop"}, "did you mean 'mflops'"),
        (("a", "b"), {"budget": "1kparams"}, "found nothing that meets the budget"),
        (("a", "b"), {"data.path": "nowhere"}, "nowhere"),
        (("a", "b"), {"study": "nowhere"}, "no such file or studies name"),
        (("a", "chosen"), {}, "counts costs at another clip than 4x32x32, and cannot be put there"),
    ],
)
def test_what_cannot_be_compared_leaves_no_folder(folder, spaces, more, words):
    (folder / "other").mkdir()
    (folder / "other" / "a.yaml").write_text(TINY.replace("[1, 3]", "[1, 4]"))
    (folder / "space" / "twin.yaml").write_text("# the same\n" + TINY)
    (folder / "space" / "chosen.yaml").write_text("!choice {one: !include b.yaml, two: !include a.yaml}\n")
    with pytest.raises(NasError, match=words):
        compare(*spaces, **more)
    assert [path.name for path in (folder / "studies").iterdir()] == ["motion"]

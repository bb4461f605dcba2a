"""Every recipe in studies/ is a case: it holds together, and it runs on a tiny set of its layout with real videos."""

import csv
import json
from pathlib import Path
from random import Random

import pytest
import torch

from nas import build, content, recipe, space, strict_yaml
from nas import study as studies
from nas.cost import cost
from nas.data import formats
from nas.metrics import resolved
from nas.proxy import shrunk
from nas.search.propose import Proposer, require_feasible
from nas.search.sampler import Uniform
from nas.testing import in_words
from tests.data import fake_sets
from tests.spaces import TINY

STUDIES = sorted(path.parent for path in (Path(__file__).parent.parent / "studies").glob("*/study.yaml"))
DRAWS = 5  # networks that are tried for each recipe
# more than this of a test's views add time and nothing else
CLIPS, CROPS, FRAMES = 2, 3, 16


@pytest.fixture(params=STUDIES, ids=lambda folder: folder.name)
def study(request):
    """The folder of a recipe that ships."""
    return request.param


@pytest.fixture
def wanted(study):
    """What it says."""
    return recipe.load(study / "study.yaml")


# ---- it holds together


def test_it_says_whom_it_follows(study):
    lines = (study / "study.yaml").read_text().splitlines()
    header = lines[: lines.index("nas: 1")]
    assert len(" ".join(header)) > 80 and all(line.startswith("# ") for line in header)


def test_its_format_is_known(wanted):
    if wanted.data.format != "auto":
        formats.find(wanted.data.format)


def test_its_space_holds_networks_within_the_budget_that_shrink_to_proxies(wanted):
    found = space.load(content.find(wanted.space, "space"))
    require_feasible(found, wanted.limits)
    proposer, seen = Proposer(found, wanted.limits, Uniform(found), seed=0), set()
    for number in range(DRAWS):
        candidate = proposer.next(number, [], seen).candidate
        seen.add(candidate.key)
        small, _ = shrunk(candidate.genotype, wanted.proxy, classes=10)
        full = candidate.genotype.model_copy(update={"input": wanted.retrain.clip.clip})
        assert 0 < cost(small).macs <= cost(full).macs


def test_a_network_of_its_space_computes_at_the_proxy_clip(wanted):
    found = space.load(content.find(wanted.space, "space"))
    drawn = [found.genotype(found.draw(Random(seed))) for seed in range(DRAWS)]
    small = min((shrunk(one, wanted.proxy, classes=10)[0] for one in drawn), key=lambda one: cost(one).macs)
    clip = wanted.proxy.clip
    model = build.build(small, seed=0).eval()
    with torch.inference_mode():
        assert model(torch.zeros(1, 3, clip.frames, clip.size, clip.size)).shape == (1, 10)


def test_its_pack_holds_what_clips_and_tests_take(wanted):
    kept, full, views = wanted.data.pack.frames or 10**9, wanted.retrain.clip, wanted.retrain.test
    assert max(_span(wanted.proxy.clip), _span(full)) <= kept
    if full.sampling == "dense" and views.clips != "all":  # neighbours in a test overlap by half at most
        assert (views.clips + 1) * _span(full) <= 2 * kept


def _span(clip):
    """The packed frames that a clip needs."""
    dense = (clip.frames - 1) * clip.stride + 1
    return {"dense": dense, "segments": clip.frames, "uniform": clip.window}[clip.sampling]


def test_its_proxy_sees_what_the_full_training_sees(wanted):
    small, full = wanted.proxy, wanted.retrain
    same = ("sampling", "crop", "scale", "centre", "flip", "colour")
    assert [getattr(small.clip, name) for name in same] == [getattr(full.clip, name) for name in same]
    assert small.clip.size <= full.clip.size and small.clip.frames <= full.clip.frames
    assert small.train.epochs < full.train.epochs


# ---- it runs


@pytest.fixture
def workplace(study, wanted, tmp_path, monkeypatch):
    """A working folder with the recipe at a tiny size, a tiny space, and a fake of its data set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tiny.yaml").write_text(TINY)
    data = {} if wanted.data.path else {"path": str(fake_sets.write(_layout(study, wanted), tmp_path / "videos"))}
    own = tmp_path / "studies" / study.name / "study.yaml"
    own.parent.mkdir(parents=True)
    own.write_text(strict_yaml.dump(_tiny(recipe.to_plain(wanted), data)))
    return own.parent


def _layout(study, wanted):
    """The fake set of a recipe: that of its format, where no set of its own is faked."""
    return study.name if study.name in fake_sets.WRITERS else wanted.data.format.partition(":")[0]


def _tiny(told, data):
    """A recipe that runs in seconds, with the format, sampling, crops, flips, metric and views as they are."""
    brief = {"epochs": 1, "batch": 4, "warmup": 0, "schedule": "cosine", "milestones": []}
    told |= {"space": "tiny.yaml", "budget": "", "trials": 1, "sampler": {"kind": "uniform"}, "stopping": {}}
    told["data"] |= data
    told["data"]["motion"] |= {"train": 30, "val": 20, "size": 32}
    told["data"]["pack"]["size"] = 24
    told["proxy"] |= {"width": 1.0, "depth": 1.0}
    for stage in (told["proxy"], told["retrain"]):
        stage["train"] |= brief
        stage["clip"] |= {"size": 20, "frames": min(FRAMES, stage["clip"]["frames"])}
    views = told["retrain"]["test"]
    clips = views["clips"] if views["clips"] == "all" else min(CLIPS, views["clips"])
    views |= {"clips": clips, "crops": min(CROPS, views["crops"])}
    return told


def test_it_searches_and_retrains_on_a_fake_of_its_set(workplace, wanted, nas):
    """A network is searched, shown and retrained; its accuracy is the recipe's metric, its test the recipe's views."""
    for command in (["search"], ["pareto"], ["retrain", "--trial", 0]):
        status, out, err = nas(command[0], workplace, *command[1:])
        assert (status, err) == (0, ""), (out, err)
    (trial,) = studies.open_study(workplace).trials()
    assert trial.state == "complete" and 0 <= trial.accuracy <= 1
    with (workplace / "pareto.csv").open(newline="") as file:
        assert [float(row["accuracy"]) for row in csv.DictReader(file)] == [pytest.approx(trial.accuracy)]

    told = json.loads((workplace / "retrained" / "0" / "metrics.json").read_text())
    test, views = told["test"], recipe.load(workplace / "study.yaml").retrain.test
    assert test["views"] == in_words(views) and test["video"]["count"] == told["data"]["val"]
    assert set(test["reversed"]) == {"video", "clip"}
    metric = resolved(wanted.data.metric, multilabel=test["video"]["map"] is not None)
    assert 0 <= test["video"][metric] <= 1
    if (views.clips, views.crops) == (1, 1):  # the test sees what the validation saw
        assert test["clip"][metric] == test["video"][metric] == pytest.approx(told["accuracy"], abs=1e-6)
    else:
        clips = 1 if views.clips == "all" else views.clips
        assert test["clip"]["count"] == test["video"]["count"] * clips * views.crops

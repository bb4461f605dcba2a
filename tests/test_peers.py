"""The peers' file, what is refused in one, and the published networks that a study is compared with."""

import pytest

from nas import content, fronts, genotype, peers
from nas.errors import NasError
from nas.genotype import Clip
from nas.published import alike

FILE = """nas: 1
peers:
  - {name: SlowFast, dataset: Kinetics-400, top1: 78.9, gflops: 213, views: 30, source: somewhere}
  - {name: X3D, dataset: Kinetics-400, top1: 77.5, source: elsewhere}
"""


def load(tmp_path, text):
    path = tmp_path / "peers.yaml"
    path.write_text(text)
    return peers.load(path)


def test_the_file_is_found_and_names_each_network_once_a_data_set():
    known = peers.load()
    pairs = [(peer.name, peer.dataset) for peer in known]
    assert len(set(pairs)) == len(pairs) > 20
    assert {"X3D-M", "SlowFast", "TEINet"} <= {peer.name for peer in known}


def test_no_peer_has_a_file_of_its_own():
    models = [genotype.load(path) for path in content.everything("models")]
    names = {name.casefold() for model in models for name in (model.name, *model.also)}
    assert not names & {peer.name.casefold() for peer in peers.load()}


def test_what_is_unknown_stays_unknown(tmp_path):
    slowfast, x3d = load(tmp_path, FILE)
    assert (slowfast.gflops, slowfast.views, slowfast.mparams) == (213, 30, None)
    assert (x3d.gflops, x3d.views) == (None, None)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("top1: 77.5", "top1: 775", r"peers.yaml:4: peers.1.top1: 775 does not fit"),
        ("top1: 77.5, ", "", r"peers.yaml:4: peers.1: the key 'top1' is missing"),
        (
            "gflops: 213",
            "gflop: 213",
            r"peers.yaml:3: peers.0.gflop: the key 'gflop' is unknown; did you mean 'gflops'",
        ),
        ("gflops: 213", "gflops: -1", r"peers.yaml:3: peers.0.gflops: -1 does not fit"),
        ("views: 30", "views: many", r"peers.yaml:3: peers.0.views: many does not fit"),
        ("nas: 1", "nas: 2", r"peers.yaml:1: nas: 2 does not fit"),
        ("source: elsewhere}", "source: elsewhere", r"peers.yaml:\d: while parsing a flow mapping"),
        ("source: elsewhere", "source: ''", r"peers.yaml:4: peers.1.source:"),
    ],
)
def test_what_does_not_fit_is_told_with_file_and_line(tmp_path, old, new, problem):
    assert old in FILE
    with pytest.raises(NasError, match=problem):
        load(tmp_path, FILE.replace(old, new))


@pytest.mark.parametrize(
    ("dataset", "shown", "most"),
    [
        ("motion", "Kinetics-400", 30),
        ("", "Kinetics-400", 30),
        ("something_something v2", "Something-Something V2", 12),
    ],
)
def test_a_study_is_compared_with_few_networks_of_one_data_set(dataset, shown, most):
    table = fronts.references(Clip(), dataset)
    assert set(table["dataset"]) == {shown}
    assert 5 < len(table) <= most
    assert table["name"].is_unique and table["accuracy"].between(0.1, 0.9).all()
    assert not table["name"].str.contains("module").any(), "rows of ablation tables"


def test_peers_are_compared_by_their_printed_cost():
    table = fronts.references(Clip(frames=4, size=112)).set_index("name")
    assert table.loc["SlowFast", "gflops"] == 213 and table.loc["SlowFast", "printed"]
    assert table.loc["SlowFast", ["ginteractions", "clip"]].isna().all()
    assert table.loc["ir-csn-50", "gflops"] < 3 and not table.loc["ir-csn-50", "printed"]


def test_the_fact_of_the_clip_most_like_the_study_s_is_told():
    few, many = (fronts.references(Clip(frames=frames)).set_index("name").loc["ir-csn-101"] for frames in (8, 32))
    assert (few["accuracy"], few["clip"]) == (0.713, "8x224x224")
    assert (many["accuracy"], many["clip"]) == (0.762, "32x256x256"), "not the one pre-trained on Sports1M"


def test_data_sets_are_told_apart_by_letters_and_digits():
    assert alike("Something-Something V1", "something_something_v1") and not alike("Kinetics-400", "Kinetics-600")

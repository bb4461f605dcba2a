"""What `nas show` prints: costs, stages, and published facts that fit the screen and hide no difference."""

import io
import json

import pytest
from rich.console import Console

from nas import card, content, genotype
from nas.facts import Published
from nas.published import Compared, compare


def load(name):
    return genotype.load(content.find(name, "models"))


def shown(network, width):
    file = io.StringIO()
    card.show(network, network.name, Console(file=file, width=width))
    return file.getvalue()


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("path", content.everything("models"), ids=lambda path: path.stem)
def test_every_card_fits_the_screen(path, width):
    network = genotype.load(path)
    text = shown(network, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    printed = text.partition("published")[2].split()
    for fact in network.published:
        words = [*fact.source.split(), *fact.dataset.split(), *fact.note.split()]
        words += [word for one in compare(network, fact) for word in str(one).split()]
        words += [str(value) for value in (fact.top1, fact.top5) if value is not None]
        assert not [word for word in words if word not in printed], "cut off"
    assert text.count("note") == any(card.remarks(fact) for fact in network.published)


def test_what_agrees_is_printed_once_and_what_does_not_with_the_difference():
    text = shown(load("i3d"), 120)
    assert "107.89 (111.15, +3.0 %)" in text and "12.06 (12.70, +5.3 %)" in text
    assert "not reproducible: no reading of the architecture gives the printed costs" in text
    assert "frames reversed: 15.2" in text
    csn = shown(load("ir-csn-50"), 120)
    assert "10.6" in csn and "(10.6" not in csn


def test_a_narrow_screen_breaks_between_words():
    text = shown(load("i3d"), 80)
    for part in ("107.89", "(111.15,", "+3.0 %)", "Something-Something", "V1"):
        assert part in text


def test_columns_are_those_of_the_facts():
    csn, ct = shown(load("ir-csn-50"), 120), shown(load("ct-net-r50"), 120)
    csn, ct = (text.partition("published")[2] for text in (csn, ct))
    assert "Mweights" in csn and "actions" in csn and "Mparams" not in csn and "top-5" not in csn
    assert "Mparams" in ct and "top-5" in ct and "Mweights" not in ct and "actions" not in ct
    assert "note" in ct and "note" not in csn, "no empty column"
    assert "published" not in shown(load("simple-8"), 120)


def test_ct_net_s_costs_are_compared_by_its_own_counter():
    network = load("ct-net-r50")
    assert "with 2 per norm element" in shown(network, 80)
    assert "with 2 per norm element" not in shown(load("ir-csn-50"), 80)
    fact = network.published[0]
    plain = fact.model_copy(update={"counted": "macs"})
    ours, without = (next(iter(compare(network, one))) for one in (fact, plain))
    assert ours.agrees and not without.agrees
    assert str(without) == "37.3 (37.0, -0.7 %)"


def test_costs_are_compared_at_the_published_clip_and_classes():
    network = load("sevnet-g8").model_copy(update={"published": ()})
    kinetics = Published(source="a", dataset="Kinetics-400", frames=16, size=224, gflops=14.4, mparams=4.5)
    assert all(one.agrees for one in compare(network, kinetics))
    assert network.classes == 174, "whose network has 4.4 Mparams"
    longer = kinetics.model_copy(update={"frames": 24})
    assert [one.agrees for one in compare(network, longer)] == [False, True]


@pytest.mark.parametrize(
    ("printed", "ours", "agrees"),
    [(10.6, 10.5501, True), (10.6, 10.65, True), (10.6, 10.651, False), (66.38, 66.3849, True), (66.38, 66.386, False)],
)
def test_a_figure_agrees_within_half_a_unit_of_its_last_digit(printed, ours, agrees):
    assert Compared("gflops", printed, ours).agrees is agrees


def test_json_holds_the_exact_integers():
    told = json.loads(card.to_json(load("ct-net"), "ct-net"))
    assert (told["clip"], told["conv_macs"], told["params"]) == ("8x256x256", 37_035_294_720, 20_959_150)

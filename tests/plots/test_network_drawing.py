"""A drawing holds every layer, tells 3D from 2D, and says what block, operator, groups and sizes there are."""

import pandas as pd
import pytest

from nas import content, genotype
from nas.cost import cost
from nas.field import fields
from nas.plots import style
from nas.plots.network_drawing import drawing, network_drawing
from tests.study_frame import made_up, trials

MODELS = {path.stem: path for path in content.everything("models")}


def model(name):
    return genotype.load(MODELS[name])


def bars(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def words(figure):
    return " ".join(figure.data[-1].text).replace("<br>", " ").replace("\xa0", " ")


def test_kinds_differ_in_colour_and_pattern_and_the_kernel_is_written():
    figure = drawing(model("i3d-top3"), "i3d-top3")
    three, flat = bars(figure, "3D"), bars(figure, "2D, deflated")
    assert three.marker.color != flat.marker.color and three.marker.pattern.shape is None
    assert flat.marker.pattern.shape == "/"
    assert all(text.startswith(("3×3×3 ", "7×7×7 ")) for text in three.text)
    assert all(text.startswith(("1×3×3 ", "1×7×7 ")) for text in flat.text)
    assert len(three.y) == 6 and len(flat.y) == 1 + 1 + 2 * 6  # two in each Inception block


def test_what_the_words_tell():
    told = words(drawing(model("ct-net-r50"), "CT-Net"))
    assert "3 × blocks 1 3 5: bottleneck ×4 · tensor 3×3×3, 256 = 16·16 parallel, te, pointwise · width 256" in told
    assert "stride 1×2×2" in told and "gives 512 × 8×32×32" in told
    assert "in groups of 8 channels" in words(drawing(model("sevnet-g8"), "SEVNet"))
    grouped = words(drawing(model("bottleneck-g8-16"), "grouped"))
    assert "grouped 3×3×3" in grouped
    gated = words(drawing(model("s3d-g"), "S3D-G"))
    assert "gating" in gated and "channels 64 96 128 16 32 32 · factorised 3×3×3" in gated
    assert "35 × blocks 1 to 35: bottleneck ×4 · depthwise 3×3×3 · width 256" in words(drawing(model("ir-csn-152"), ""))


def test_tiles_tell_groups_and_sizes_of_the_grid():
    tiles = bars(drawing(model("ct-net-r50"), ""), "3D")
    assert set(tiles.text) >= {"3×1×1<br>C₁=16", "3×1×1<br>C₂=8"}
    assert any("128 to 128 channels, 8 groups of 16" in told for told in tiles.hovertext)
    assert "3×3×3 depthwise" in bars(drawing(model("ir-csn-50"), ""), "3D").text


def test_block_hovers_tell_costs_and_interaction_fields_of_the_network():
    figure = drawing(model("ir-csn-50"), "")
    blocks = figure.data[0]
    row = next(row for row in fields(model("ir-csn-50")) if row.name == "stages.0")
    assert any(f"the operator mixes {row.operator}" in told for told in blocks.hovertext)
    counted = cost(model("ir-csn-50"))
    assert f"{style.number(counted.macs / 1e9)} GFLOPs" in figure.layout.title.subtitle.text


def test_a_trial_of_a_study_by_name_and_by_number():
    table = made_up(60)["trials"]
    figure = network_drawing(table, trial=7)
    assert figure.layout.title.text == "The network of trial 7"
    assert {number for trace in figure.data[:-1] for number in trace.customdata} == {7}
    knee = network_drawing(table)
    assert "the knee of the front" in knee.layout.title.text
    assert int(table[table["accuracy"] == table["accuracy"].max()]["number"].iloc[0]) in set(
        network_drawing(table, trial="best").data[0].customdata
    )


@pytest.mark.parametrize(
    ("table", "trial", "says"),
    [
        (pd.DataFrame(), "knee", "no trial yet"),
        (made_up(12)["trials"], 99, "has no trial 99; they are numbered 0 to 11"),
        (trials(), 0, "the key &#x27;trial&#x27; is unknown"),
        (trials().assign(genotype=""), "best", "trial 1 has no network on record"),
        (trials().assign(genotype="{"), "best", "the genotype on record"),
        (trials().assign(genotype="stages: [{depth: 1, width: 8, block: {kind: <b>mine}}]"), 0, "&lt;b&gt;mine"),
        (trials().assign(state="failed"), "knee", "all 5 trials failed"),
    ],
)
def test_what_cannot_be_drawn_is_said(table, trial, says):
    figure = network_drawing(table, trial=trial)
    told = figure.layout.annotations[0].text.replace("<br>", " ")
    assert says in told
    assert "<b>mine" not in figure.to_json(engine="json").replace("\\u003c", "<")


def test_texts_of_a_study_are_escaped():
    table = made_up(20)["trials"]
    table.attrs["metric"] = "<script>"
    assert "<script>" not in network_drawing(table).to_json(engine="json").replace("\\u003c", "<")
    assert "&lt;i&gt;" in drawing(model("ir-csn-26"), "<i>").layout.title.text

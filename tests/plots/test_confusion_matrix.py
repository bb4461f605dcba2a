"""The square of true against predicted classes: rows are shares, mistakes are told, many classes are arranged."""

import numpy as np
import pandas as pd
import pytest

from nas.plots.confusion_matrix import FEW, by_confusion, confusion_matrix

NAMES = ["push left", "push right", "grow", "shrink"]
COUNTS = [[30, 9, 1, 0], [2, 38, 0, 0], [0, 0, 0, 0], [0, 0, 5, 15]]


def table(counts=COUNTS, names=NAMES, **attrs):
    frame = pd.DataFrame(counts, names, names)
    frame.attrs = attrs
    return frame


def twins(pairs=20, seed=0):
    """Classes 2i and 2i + 1 are taken for each other, in a random order of all; the order back and the counts."""
    counts = np.kron(np.eye(pairs, dtype=int), [[7, 3], [2, 8]])
    order = np.random.default_rng(seed).permutation(2 * pairs)
    return order, counts[np.ix_(order, order)]


def subtitle(figure):
    return figure.layout.title.subtitle.text.replace("<br>", " ")


def test_rows_are_shares_and_mistakes_are_negative():
    cells = confusion_matrix(table()).data[0]
    expected = np.array([[0.75, -0.225, -0.025, 0], [-0.05, 0.95, 0, 0], [0, 0, 0, 0], [0, 0, -0.25, 0.75]])
    assert np.nan_to_num(cells.z) == pytest.approx(expected)
    assert np.isnan(cells.z).tolist() == (expected == 0).tolist()
    assert list(cells.x) == list(cells.y) == NAMES
    assert (cells.zmin, cells.zmax) == (-1, 1)


def test_the_first_class_stands_at_the_top_left():
    layout = confusion_matrix(table()).layout
    assert list(layout.xaxis.categoryarray) == list(layout.yaxis.categoryarray) == NAMES
    assert layout.yaxis.range[0] > layout.yaxis.range[1] and layout.xaxis.range[0] < layout.xaxis.range[1]
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == ("predicted class", "true class")


def test_more_ink_is_more_videos_whatever_the_background():
    scale = confusion_matrix(table()).data[0].colorscale
    positions, opacities = zip(*((at, float(colour.rstrip(")").split(",")[-1])) for at, colour in scale), strict=True)
    assert opacities == pytest.approx([abs(2 * at - 1) ** 0.5 for at in positions], abs=1e-3)
    assert {colour.rsplit(",", 1)[0] for at, colour in scale if at < 0.5} == {"rgba(213, 94, 0"}
    assert {colour.rsplit(",", 1)[0] for at, colour in scale if at > 0.5} == {"rgba(0, 114, 178"}


def test_hovering_tells_names_and_counts():
    texts = confusion_matrix(table()).data[0].hovertext
    assert texts[0][1] == "<b>push left</b><br>taken for <b>push right</b><br>9 of 40 videos (22.5 %)"
    assert texts[1][1] == "<b>push right</b><br>recognised<br>38 of 40 videos (95.0 %)"
    assert texts[2][2] == ""


def test_few_classes_have_their_numbers_in_the_cells():
    numbers = {
        (row, column): text
        for trace in confusion_matrix(table()).data[1:]
        for row, column, text in zip(trace.y, trace.x, trace.text, strict=True)
    }
    assert numbers == {
        ("push left", "push left"): "75",
        ("push left", "push right"): "22",
        ("push left", "grow"): "2",
        ("push right", "push left"): "5",
        ("push right", "push right"): "95",
        ("shrink", "grow"): "25",
        ("shrink", "shrink"): "75",
    }


@pytest.mark.parametrize("classes", [FEW, FEW + 1])
def test_many_classes_have_colours_explained_in_place_of_numbers(classes):
    names = [f"class {index}" for index in range(classes)]
    figure = confusion_matrix(table(np.eye(classes, dtype=int), names))
    assert (len(figure.data) == 1) == bool(figure.data[0].showscale) == (classes > FEW)
    assert ("Cells: %" in subtitle(figure)) == (classes <= FEW)


def test_classes_that_are_taken_for_each_other_become_neighbours():
    order, counts = twins()
    arranged = order[by_confusion(counts)]
    assert sorted(arranged) == list(range(40))
    assert (arranged[::2] // 2 == arranged[1::2] // 2).all()
    names = [f"class {index}" for index in order]
    figure = confusion_matrix(table(counts, names))
    shown = [int(name.split()[1]) // 2 for name in figure.data[0].y]
    assert shown[::2] == shown[1::2]
    assert np.nan_to_num(figure.data[0].z).diagonal().min() > 0.6


def test_an_order_is_found_for_classes_without_videos_and_without_mistakes():
    counts = np.diag([3, 0, 5, 0, 1])
    assert sorted(by_confusion(counts)) == [0, 1, 2, 3, 4]


def test_four_hundred_classes_have_no_more_names_than_room():
    order, counts = twins(200)
    names = [f"pretending to put something into something number {index}" for index in order]
    figure = confusion_matrix(table(counts, names))
    assert figure.layout.xaxis.nticks == figure.layout.yaxis.nticks <= 60
    assert figure.layout.height < 1200
    assert len(figure.to_json()) < 5e6
    shown = figure.layout.xaxis.labelalias[names[0]]
    assert len(shown) == 26 and shown.startswith("pretending") and shown.endswith(f"something number {order[0]}"[-12:])
    assert names[0] in "".join(text for row in figure.data[0].hovertext for text in row)


def test_the_subtitle_tells_the_worst_mistakes_and_the_blank_rows():
    told = subtitle(confusion_matrix(table(dataset="motion", network="trial 7", views="10 clips"))).replace("\xa0", " ")
    assert told.startswith("Data set motion; network trial 7; views 10 clips; 100 videos of 4 classes.")
    mistakes = "shrink → grow (25 %); push left → push right (22 %); push right → push left (5 %)"
    assert f"Most often taken for another: {mistakes}." in told
    assert told.endswith("Rows left blank: 1 class without videos.")
    perfect = subtitle(confusion_matrix(table(np.eye(4, dtype=int))))
    assert "Most often" not in perfect and "blank" not in perfect


def test_names_are_escaped():
    names = ["<script>x", "<b>bold and much longer than there is room for</b>"]
    frame = pd.DataFrame([[1, 2], [3, 4]], names, names)
    frame.attrs = {"dataset": "<u>"}
    plain = confusion_matrix(frame).to_json(engine="json").replace("\\u003c", "<").replace("\\u003e", ">")
    assert "<script>" not in plain and "<u>" not in plain and "<b>bold" not in plain and "<b>&lt;b&gt;bold" in plain


@pytest.mark.parametrize("classes", [0, 1, 3])
def test_nothing_to_draw(classes):
    figure = confusion_matrix(table(np.zeros((classes, classes), dtype=int), [str(i) for i in range(classes)]))
    assert figure.layout.annotations[0].text == "no videos yet"


def test_a_lone_class():
    assert confusion_matrix(table([[5]], ["jump"])).data[0].z.tolist() == [[1.0]]


def test_a_table_read_from_csv_keeps_classes_that_are_called_by_numbers(tmp_path):
    table(COUNTS, ["001", "002", "003", "nan"]).to_csv(tmp_path / "confusion.csv")
    figure = confusion_matrix(pd.read_csv(tmp_path / "confusion.csv", index_col=0))
    assert list(figure.data[0].y) == ["001", "002", "003", "nan"]
    assert "001 → 002 (22" in subtitle(figure)

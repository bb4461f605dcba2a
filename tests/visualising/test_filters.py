"""Filters as pictures: a cell shows the weights that are there, and nothing is drawn that is not told."""

import numpy as np
import pytest

from nas import content
from nas import genotype as genotypes
from nas.build import build
from nas.errors import NasError
from nas.visualising import filters, images
from nas.visualising.filters import Layer
from nas.visualising.images import SIGNED

TOP, BOTTOM = (images.coloured(np.array([value]), SIGNED)[0] for value in (1.0, -1.0))
RED = np.array([255, 128, 128])


def layer(weight, *, groups=None, name="stages.0.0.conv_b"):
    weight = np.asarray(weight, np.float32)
    return Layer(name, weight, (1, 1, 1), groups or len(weight))


def single(shape, *places):
    """Zeros but for a 1 at each place."""
    weight = np.zeros(shape)
    for place in places:
        weight[place] = 1
    return weight


def where(picture, colour):
    """Rows and columns of the pixels of a colour, from and to."""
    rows, columns = np.nonzero((picture == colour).all(axis=-1))
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


def network(name):
    return build(genotypes.load(content.find(name, "models")).model_copy(update={"classes": 3}), seed=0)


def test_layers_and_kinds():
    found = {one.name: one for one in filters.layers(network("ir-csn-26"))}
    assert found["stem.conv"].kind == "RGB" and found["stem.conv"].kernel == (3, 7, 7)
    assert found["stages.1.0.conv_b"].kind == "depthwise" and found["stages.1.0.conv_b"].stride == (2, 2, 2)
    assert found["stages.0.0.conv_a"].kind == "dense"
    assert layer(np.zeros((4, 2, 3, 3, 3)), groups=2).kind == "grouped"
    assert layer(np.zeros((4, 3, 3, 3, 3)), groups=1).kind == "dense"  # three channels, but of no picture


def test_each_filter_is_divided_by_its_largest_weight():
    weight = np.random.default_rng(1).normal(size=(8, 1, 3, 3, 3)) * np.arange(8).reshape(-1, 1, 1, 1, 1)
    shown = filters.normalised(layer(weight))
    assert np.abs(shown[1:]).max(axis=(1, 2, 3)) == pytest.approx(1) and (shown[0] == 0).all()
    assert np.allclose(shown * np.abs(weight).max(axis=(1, 2, 3, 4))[:, None, None, None], weight[:, 0], atol=1e-6)


def test_of_dense_filters_the_strongest_channel_is_shown():
    weight = np.random.default_rng(2).normal(size=(2, 4, 3, 3, 3))
    weight[0, 2] *= 10
    weight[1, 3] *= 10
    shown = filters.normalised(layer(weight, groups=1))
    for filter, channel in ((0, 2), (1, 3)):
        assert np.allclose(shown[filter], weight[filter, channel] / np.abs(weight[filter, channel]).max(), atol=1e-6)
    assert "of the 4 channels of each" in filters.described(layer(weight, groups=1), 8)


def test_a_cell_shows_the_weights_of_its_filter():
    """One weight of one filter: the square of its colour stands in the slice and the corner where the weight is."""
    side = filters.SLICE // 3
    pictures = {}
    for t, h, w in ((0, 0, 0), (2, 0, 0), (0, 2, 0), (0, 0, 2)):
        picture = filters.grid(layer(single((3, 1, 3, 3, 3), (1, 0, t, h, w))), "net", limit=64)
        top, bottom, left, right = pictures[t, h, w] = where(picture, TOP)
        assert (bottom - top, right - left) == (side, side)
    first = np.array(pictures[0, 0, 0])
    one_slice = 3 * side + 2 + filters.SPACE
    assert (np.array(pictures[2, 0, 0]) - first).tolist() == [0, 0, 2 * one_slice, 2 * one_slice]
    assert (np.array(pictures[0, 2, 0]) - first).tolist() == [2 * side, 2 * side, 0, 0]
    assert (np.array(pictures[0, 0, 2]) - first).tolist() == [0, 0, 2 * side, 2 * side]
    negative = filters.grid(layer(-single((3, 1, 3, 3, 3), (1, 0, 0, 0, 0))), "net", limit=64)
    assert where(negative, BOTTOM) == tuple(first)


def test_an_animation_shows_one_slice_after_the_other():
    pictures = filters.animation(layer(single((4, 1, 3, 3, 3), (2, 0, 1, 1, 1))), "net", limit=64)
    assert [(picture == TOP).all(axis=-1).any() for picture in pictures] == [False, True, False]
    assert len({picture.shape for picture in pictures}) == 1
    cells = [picture[-images.MARGIN - filters.SLICE :] for picture in pictures]
    assert (cells[0] == cells[2]).all() and (cells[0] != cells[1]).any()


def test_filters_of_the_first_layer_are_in_colour():
    weight = single((2, 3, 3, 7, 7), (0, 0, 1, 3, 3))  # red
    stem = layer(weight, groups=1, name="stem.conv")
    shown = filters.grid(stem, "net", limit=64)
    top, bottom, left, right = where(shown, np.array([255, 128, 128]))
    assert (bottom - top, right - left) == (filters.WEIGHT, filters.WEIGHT)
    moving = filters.animation(stem, "net", limit=64)
    assert [(picture == RED).all(axis=-1).any() for picture in moving] == [False, True, False]


def test_many_filters_are_limited_and_that_is_told():
    wide = layer(single((600, 1, 3, 3, 3), (599, 0, 0, 0, 0), (255, 0, 0, 0, 0)))
    few, all_of_them = filters.grid(wide, "net", limit=256), filters.grid(wide, "net", limit=600)
    assert (few == TOP).all(axis=-1).sum() * 2 == (all_of_them == TOP).all(axis=-1).sum() > 0
    assert filters.described(wide, 256).startswith("the first 256 of 600 depthwise filters of 3x3x3")
    assert filters.described(wide, 600).startswith("600 depthwise")
    assert all_of_them.shape[1] < 2200 and 1 < all_of_them.shape[1] / all_of_them.shape[0] < 3


def test_which_layers_are_drawn():
    found = filters.layers(network("ir-csn-26"))
    names = [one.name for one in filters.chosen(found)]
    assert names == ["stem.conv", *(f"stages.{s}.{b}.conv_b" for s in range(4) for b in range(2))]
    assert [one.name for one in filters.chosen(found, ["stages.2"])] == ["stages.2.0.conv_b", "stages.2.1.conv_b"]
    twice = filters.chosen(found, ["stages.2.0.conv_b", "stages.2.0"])
    assert [one.name for one in twice] == ["stages.2.0.conv_b"]
    with pytest.raises(NasError, match=r"'stages.2.7' is no convolution.*did you mean 'stages.2"):
        filters.chosen(found, ["stages.2.7"])
    with pytest.raises(NasError, match="stages.2.0.conv_a are 1x1x1: single numbers.*did you mean 'stages.2.0.conv_b'"):
        filters.chosen(found, ["stages.2.0.conv_a"])
    with pytest.raises(NasError, match="no convolution is depthwise"):
        filters.chosen([one for one in found if one.kind == "dense"])


def test_layers_of_every_family_can_be_drawn():
    for name in ("ct-net-r50", "s3d-g", "sevnet-g6-se"):
        seen = {}
        for one in filters.with_extent(filters.layers(network(name))):
            seen.setdefault((one.kind, one.kernel), one)
        for one in seen.values():
            assert filters.grid(one, name, limit=16).shape[2] == 3
            assert len(filters.animation(one, name, limit=16)) == one.kernel[0]

"""Pieces of networks: all of them, at the shapes and under the names that they have in the built network."""

from random import Random

import pytest
import torch

from nas import content
from nas import genotype as genotypes
from nas.build import build
from nas.cost import cost
from nas.latency.blocks import Node, State, Web, blocks, nodes
from nas.latency.setting import LAST, PLAIN
from tests.latency.conftest import figure, made_up

MODELS = sorted(content.everything("models"))


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_pieces_of_a_published_network_do_all_of_its_work(path):
    model = genotypes.load(path)
    found = blocks(model)
    assert sum(block.macs for block in found) == cost(model).macs
    assert sum(block.counted.cost[2] for block in found) == cost(model).params
    assert [found[0].name, found[-1].name] == ["stem", "head"] and found[-1].counted.shape[0] == model.classes


def test_pieces_have_the_names_and_shapes_of_the_built_network(model):
    net, seen = build(model, seed=0).eval(), {}
    named = dict(net.named_modules())
    for block in blocks(model):
        named[block.name].register_forward_pre_hook(
            lambda _, inputs, name=block.name: seen.update({name: tuple(inputs[0].shape[1:])})
        )
    with torch.inference_mode():
        net(torch.zeros(2, 3, 4, 24, 24))
    assert seen == {block.name: block.node.shape for block in blocks(model)}
    assert "stages.1.pool" in seen and "stages.2.0" in seen


def test_blocks_say_what_they_are(model):
    told = {block.name: block.words for block in blocks(model)}
    assert told["stages.0.0"] == "bottleneck dense x2, 2D" and told["stages.2.0"] == "bottleneck depthwise x2"
    assert told["stem"] == "stem" and told["stages.1.pool"] == "pool"


def test_a_web_leads_through_every_piece_of_every_network(space):
    rng = Random(0)
    models = [space.genotype(space.draw(rng)) for _ in range(20)]
    web, expected = Web(models), set()
    table = made_up(*models)
    for one in models:  # by hand, one network after the other
        layout = LAST
        for node in nodes(one):
            state = State(*node, layout)
            expected.add(state.key)
            layout = table.after(state)
    known, missing = web.states(table)
    assert not missing and {state.key for state in known} >= expected
    assert len({state.layout for state in known}) == 2


def test_a_web_opens_with_what_is_measured(model):
    web, table = Web([model]), made_up()
    first = next(nodes(model))
    assert [Node(state.piece, state.shape) for state in web.states(table)[1]] == [first]
    state = State(*first, LAST)
    table.take({state.key: figure(state)._replace(after=PLAIN)})
    known, missing = web.states(table)
    assert [one.key for one in known] == [state.key] and [one.layout for one in missing] == [PLAIN]


def test_webs_join(space):
    rng = Random(1)
    one, other = (space.genotype(space.draw(rng)) for _ in range(2))
    joined, both = Web([one]), Web([one, other])
    joined.join(Web([other]))
    assert joined.first == both.first and joined.next == both.next

"""A network as a Python file that needs torch alone, as a person would write it: a class for whatever repeats, and a
table of stages.

It is generated from the network's tree, so whatever a space can describe can be written down, and its modules are
called as ours are, so the same weights fit.
"""

from __future__ import annotations

import inspect
import re
import textwrap

import nas
from nas.blocks.registry import Part
from nas.cost import cost
from nas.exporting import parts
from nas.exporting.code import WIDTH, Call, Code, laid_out
from nas.exporting.definitions import Definitions
from nas.exporting.naming import kind_name
from nas.exporting.stage_table import stage_lines
from nas.exporting.writer import Writer
from nas.genotype import Genotype
from nas.layers import Linear, Node, Seq
from nas.network import network

# Parts that a file has where it uses them, in the order in which they stand there, and those that every file ends in.
OPTIONAL = ("conv", "relu", "sequence", "stage", "Mean", "MaxPool", "AvgPool", "ChannelLinear", "Shuffle")
LAST = ("read_weights", "load")
INDENT = 8


def source(genotype: Genotype, *, name: str, dropout: float = 0.0) -> str:
    """The text of the file: (b, 3, t, h, w) -> (b, classes), with the module names of `nas.build.build`.

    >>> from nas import content, genotype
    >>> text = source(genotype.load(content.find("ir-csn-50", "models")), name="ir-csn-50")
    >>> [line.strip() for line in text.splitlines() if "5 *" in line]
    ['+ 5 * [partial(DepthwiseBottleneck, 1024, 256)],']

    `dropout` is the share of features that training zeroes in front of the classifier. Raises NasError for blocks
    that are torch modules, whose code is not known.
    """
    definitions = Definitions(dict(network(genotype).children)["stem"], _blocks(genotype))
    whole = _network(genotype, definitions, dropout)
    written = ["\n".join(lines) for lines in (*(one.lines for one in definitions.made.values()), whole)]
    used = [part for part in OPTIONAL if re.search(rf"\b{part}\(", "\n".join(written))]
    text = "\n\n\n".join([*map(_copied, used), *written, *map(_copied, LAST), _MAIN])
    return f"{_about(genotype, name)}\n\n{_imports(text)}\n\n{_constants(genotype)}\n\n\n{text}\n"


_MAIN = """if __name__ == "__main__":
    with torch.no_grad():
        print(load()(torch.zeros(1, 3, *CLIP)))"""


def _blocks(genotype: Genotype) -> list[tuple[Node, str]]:
    """Every block of the network, and the name of its kind."""
    stages, found = dict(network(genotype).children)["stages"], []
    for (_, stage), described in zip(stages.children, genotype.stages, strict=True):
        blocks = [block for name, block in stage.children if name != "pool"]
        found += [(block, _kind(part)) for block, part in zip(blocks, described.blocks, strict=True)]
    return found


def _kind(part: Part) -> str:
    operator = dict(part.genes).get("conv")
    return kind_name(part.kind, operator.kind if isinstance(operator, Part) else "")


def _network(genotype: Genotype, definitions: Definitions, dropout: float) -> list[str]:
    """The class of the whole network."""
    stem, stages, head = (node for _, node in network(genotype).children)
    writer = Writer(definitions.of, dropout="dropout")
    return [
        "class Network(nn.Module):",
        '    """Clips (b, 3, t, h, w) to class scores (b, classes), before the softmax."""',
        "",
        f"    def __init__(self, classes={genotype.classes}, dropout={dropout!r}):",
        "        super().__init__()",
        *laid_out(writer.sequence([stem]), indent=INDENT, before="self.stem = "),
        "        self.stages = nn.Sequential(",
        *(line for _, stage in stages.children for line in stage_lines(stage, definitions, writer, INDENT + 4)),
        "        )",
        *laid_out(_head(writer, head), indent=INDENT, before="self.head = "),
        "",
        "    def forward(self, x):",
        "        return self.head(self.stages(self.stem(x)))",
    ]


def _head(writer: Writer, head: Seq) -> Code:
    """The averages and the classifier, for any number of classes."""
    made = writer.sequence([head])
    told = [
        (name, Call(value.function, (value.arguments[0], (None, "classes"))) if isinstance(child, Linear) else value)
        for (name, value), (_, child) in zip(made.arguments, head.children, strict=True)
    ]
    return Call(made.function, tuple(told))


def _copied(part: str) -> str:
    """The source of a part, without remarks to our own linter."""
    return re.sub(r"  # noqa.*", "", inspect.getsource(getattr(parts, part)).rstrip())


def _about(genotype: Genotype, name: str) -> str:
    """The file's docstring."""
    counted, clip = cost(genotype), genotype.input
    plain = "".join(letter if letter.isprintable() and letter not in '"\\' else " " for letter in name)
    size = f"(b, 3, {clip.frames}, {clip.size}, {clip.size})"
    told = [
        f"Clips are float32 {size}: RGB frames, cropped and normalised as export.json beside this file says, which "
        "also has the names of the classes. Other lengths and sizes pass too. The weights are in weights.safetensors.",
        f"One clip takes {counted.macs:,} multiply-accumulates of convolutions and linear layers, the network has "
        f"{counted.params:,} parameters. Written by video-nas {nas.__version__} from genotype.yaml; needs torch alone.",
    ]
    first, second = ("\n".join(textwrap.wrap(text, WIDTH, break_on_hyphens=False)) for text in told)
    return f'''"""{plain}: a video network of {genotype.classes} classes in plain PyTorch.

    from network import load
    scores = load()(clips)

{first}

{second}
"""'''


def _imports(text: str) -> str:
    """The imports that a text uses, as they are sorted by custom."""
    lines = [
        ("import json", True),
        ("from collections import OrderedDict", "OrderedDict(" in text),
        ("from functools import partial", "partial(" in text),
        ("from pathlib import Path", True),
        ("", True),
        ("import torch", True),
        ("from torch import nn", True),
        ("from torch.nn import functional as F", "F." in text),
    ]
    return "\n".join(line for line, needed in lines if needed)


def _constants(genotype: Genotype) -> str:
    clip = genotype.input
    return f"""HERE = Path(__file__).parent
# Frames, height and width of the clips that it was made for.
CLIP = ({clip.frames}, {clip.size}, {clip.size})"""

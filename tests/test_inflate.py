"""Weights as a start: equal on static clips, names of torchvision, and refusals that leave the network alone."""

from __future__ import annotations

import json
import sys
from collections import OrderedDict
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from nas import checkpoint, cli, fronts, inflate, strict_yaml, study
from nas import genotype as genotypes
from nas.build import build
from nas.cost import cost
from nas.data import motion
from nas.errors import NasError
from nas.genotype import Genotype
from nas.weights import Weights, read
from tests.spaces import TINY

ROOT = Path(__file__).parents[1]
STEM = "stem: {width: 8, conv: {kind: dense, kernel: [3, 3, 3]}, stride: [1, 2, 2], pool: null}"
CHANNELS = "channels: [4, 3, 8, 2, 4, 4]"
STAGES = {
    "bottleneck": "[{depth: 2, width: 8, block: {kind: bottleneck}}]",
    "simple": "[{depth: 1, width: 8, block: {kind: simple}}, {depth: 1, width: 16, block: {kind: simple}}]",
    "strided in time": """[{depth: 1, width: 8, stride: [2, 2, 2], block: {kind: simple}},
        {depth: 1, width: 8, stride: [2, 1, 1], block: {kind: bottleneck}}]""",
    "ir-CSN": """[{depth: 1, width: 8, block: {kind: bottleneck, conv: {kind: depthwise}}},
        {depth: 1, width: 16, block: {kind: simple, conv: {kind: depthwise}}}]""",
    "ip-CSN": "[{depth: 2, width: 8, block: {kind: bottleneck, conv: {kind: separated, relu: true}}}]",
    "grouped": "[{depth: 2, width: 8, block: {kind: bottleneck, conv: {kind: grouped, group_width: 4}}}]",
    "steps": """[{depth: 2, width: 8, block: {kind: bottleneck,
        conv: {kind: steps, steps: [{kernel: [1, 3, 3], group_width: 4}, {kernel: [3, 1, 1]}]}}}]""",
    "I3D": f"""[{{depth: 1, width: 8, block: {{kind: plain, pointwise: true}}}}, {{depth: 1, width: 20,
        pool: {{kernel: [3, 3, 3], stride: [2, 2, 2]}}, block: {{kind: inception, {CHANNELS}}}}}]""",
    "SEVNet": "[{depth: 2, width: 16, stride: [1, 2, 2], block: {kind: sev, group_width: 4}}]",
    "CT-Net": """[{depth: 2, width: 16, block: {kind: bottleneck, conv: {kind: tensor, dims: 2, pointwise: true}}}]""",
}
FACTORISED = {
    "bottleneck": "[{depth: 2, width: 8, block: {kind: bottleneck, conv: {kind: factorised}}}]",
    "without a ReLU between": "[{depth: 1, width: 8, block: {kind: simple, conv: {kind: factorised, relu: false}}}]",
    "S3D": f"""[{{depth: 1, width: 8, block: {{kind: plain, pointwise: true, conv: {{kind: factorised}}}}}},
        {{depth: 2, width: 20, block: {{kind: inception, {CHANNELS}, conv: {{kind: factorised}}}}}}]""",
}


def network(stages: str, stem: str = STEM, more: str = "") -> Genotype:
    text = f"{{input: {{frames: 8, size: 32}}, classes: 5, {stem}, stages: {stages}{more}}}"
    return genotypes.parse(strict_yaml.plain(strict_yaml.parse(text)))


def flat(genotype: Genotype) -> Genotype:
    """The 2D network of a genotype."""
    return genotype.model_copy(update={"deflation": genotypes.Deflation(keep=0)})


def trained(genotype: Genotype, seed: int = 1) -> nn.Module:
    """A network whose norms are as different as after a training."""
    model = build(genotype, seed=seed).double().eval()
    draw = torch.Generator().manual_seed(seed)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm3d):
            for tensor in (layer.weight.data, layer.bias.data, layer.running_mean):
                tensor.normal_(0.2, 1, generator=draw)
            layer.running_var.uniform_(0.5, 2, generator=draw)
    return model


def static(frames: int) -> Tensor:
    """A clip that repeats one frame: (1, 3, frames, 16, 16)."""
    frame = torch.randn(1, 3, 1, 16, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    return frame.expand(-1, -1, frames, -1, -1)


@torch.no_grad()
def features(model: nn.Module, clip: Tensor) -> Tensor:
    """What enters the head: (1, c, t, h, w)."""
    model.eval()
    return model.stages(model.stem(clip))


def refused(state, model: nn.Module, match: str) -> None:
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(NasError, match=match) as caught:
        inflate.inflate(state, model)
    assert "\n" not in str(caught.value)
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("stages", STAGES.values(), ids=STAGES)
def test_on_a_static_clip_the_inflated_network_equals_the_2d_one(stages: str):
    genotype = network(stages)
    two, three = trained(flat(genotype)), build(genotype, seed=2).double()
    report = inflate.inflate(two.state_dict(), three)
    assert report.inflated > 1 and not report.anew and not report.unused and not report.deflated
    clip = static(2 * cost(genotype).receptive_field[0])
    ours, theirs = features(three, clip), features(two, clip)
    middle = ours.shape[2] // 2
    assert theirs[:, :, middle].abs().max() > 0.1
    torch.testing.assert_close(ours[:, :, middle], theirs[:, :, middle])
    assert (ours[:, :, 0] - theirs[:, :, 0]).abs().max() > 1e-3  # where padding cuts kernels off


@pytest.mark.parametrize("stages", FACTORISED.values(), ids=FACTORISED)
def test_factorised_convolutions_start_as_the_2d_ones(stages: str):
    """On any clip and at its ends; except that inception's pooling, which is 3x3x3 in 3D, needs a static clip."""
    genotype = network(stages, STEM.replace("dense", "factorised"))
    two, three = trained(flat(genotype)), build(genotype, seed=2).double()
    report = inflate.inflate(two.state_dict(), three)
    assert report.identities == sum(".temporal.weight" in name for name in three.state_dict()) > 1
    assert not report.anew and not report.unused
    clip = static(6) if "inception" in stages else torch.randn(2, 3, 6, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(features(three, clip), features(two, clip))


def test_training_begins_close_to_the_2d_network_where_a_temporal_half_is_the_identity():
    """Norms take a batch's figures then: those of the last norm were foreseen."""
    genotype = network(FACTORISED["bottleneck"])
    two, three = trained(flat(genotype)), build(genotype, seed=2).double()
    inflate.inflate(two.state_dict(), three)
    x = torch.randn(16, 8, 4, 16, 16, dtype=torch.float64).relu()
    block2, block3 = two.train().stages[0][0], three.train().stages[0][0]
    y2 = block2.norm_b(block2.conv_b(x))
    y3 = block3.norm_b(block3.conv_b(x))
    assert (y3 - y2.relu()).square().mean() < 0.02 * y2.relu().var()


def test_a_temporal_half_that_cannot_be_exact_starts_as_initialised():
    genotype = network("[{depth: 1, width: 8, block: {kind: simple, conv: {kind: factorised}}}]")
    three = build(genotype, seed=2)
    report = inflate.inflate(trained(flat(genotype)).state_dict(), three)
    fresh = build(genotype, seed=2)
    assert report.anew == ("stages.0.0.conv_b.spatial_norm", "stages.0.0.conv_b.temporal")
    assert report.identities == 1
    assert torch.equal(three.stages[0][0].conv_b.temporal.weight, fresh.stages[0][0].conv_b.temporal.weight)
    first = network("""[{depth: 1, width: 8, block: {kind: plain, conv: {kind: factorised, first: temporal}}},
        {depth: 1, width: 16, block: {kind: plain, conv: {kind: factorised, first: temporal}}}]""")
    report = inflate.inflate(trained(flat(first)).state_dict(), build(first))
    assert report.anew == ("stages.0.0.conv_b.temporal", "stages.0.0.conv_b.temporal_norm", "stages.1.0.conv_b")
    assert report.unused == ("stages.1.0.conv_b",)


def test_a_kernel_is_repeated_over_time_and_divided_by_its_length():
    genotype = network(STAGES["bottleneck"], STEM.replace("[3, 3, 3]", "[5, 3, 3]"))
    two, three = build(flat(genotype), seed=1).state_dict(), build(genotype, seed=2)
    two["stem.conv.weight"] = two["stem.conv.weight"].squeeze(2).half()  # 4D, as 2D libraries have it
    report = inflate.inflate(two, three)
    assert three.stem.conv.weight.shape == (8, 3, 5, 3, 3)
    assert three.stem.conv.weight.is_contiguous(memory_format=torch.channels_last_3d)
    for t in range(5):
        torch.testing.assert_close(three.stem.conv.weight[:, :, t], two["stem.conv.weight"].float() / 5)
    assert (report.copied, report.inflated) == (sum("num_batches" not in name for name in two) - 3, 3)


@pytest.mark.parametrize("deflated", ["sum", "centre"])
def test_a_deflated_layer_takes_the_sum_or_the_centre(deflated: str):
    genotype = network(STAGES["bottleneck"])
    half = genotype.model_copy(update={"deflation": genotypes.Deflation(keep=1)})
    source, model = build(genotype, seed=1).state_dict(), build(half, seed=2)
    report = inflate.inflate(source, model, deflated=deflated)
    assert (report.inflated, report.deflated) == (0, 2)
    kernel = source["stem.conv.weight"]
    wanted = kernel.sum(2, keepdim=True) if deflated == "sum" else kernel[:, :, 1:2]
    torch.testing.assert_close(model.stem.conv.weight.detach(), wanted)


def test_there_and_back_is_the_same_network():
    for stages in (*STAGES.values(), *FACTORISED.values()):
        genotype = network(stages)
        two, three, back = trained(flat(genotype)).float(), build(genotype, seed=2), build(flat(genotype), seed=3)
        inflate.inflate(two.state_dict(), three)
        report = inflate.inflate(three.state_dict(), back)
        assert not report.anew
        for name, tensor in two.state_dict().items():
            torch.testing.assert_close(back.state_dict()[name], tensor, msg=name)


# Names of torchvision


class Block(nn.Module):
    """A residual block with the names of torchvision's ResNets: two 3x3, or 1x1, 3x3, 1x1 convolutions."""

    def __init__(self, c_in: int, width: int, stride: int, expansion: int):
        super().__init__()
        shapes = [(c_in, width, 3, stride), (width, width, 3, 1)]
        if expansion > 1:
            shapes = [(c_in, width, 1, 1), (width, width, 3, stride), (width, expansion * width, 1, 1)]
        self.count = len(shapes)
        for number, (c, c_out, k, s) in enumerate(shapes, start=1):
            self.add_module(f"conv{number}", nn.Conv2d(c, c_out, k, s, k // 2, bias=False))
            self.add_module(f"bn{number}", nn.BatchNorm2d(c_out))
        c_out = expansion * width
        if stride > 1 or c_in != c_out:
            self.downsample = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        else:
            self.downsample = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        y = x
        for number in range(1, self.count + 1):
            y = self.get_submodule(f"bn{number}")(self.get_submodule(f"conv{number}")(y))
            y = y.relu() if number < self.count else y
        return (y + self.downsample(x)).relu()


def resnet(depths: tuple[int, ...], expansion: int) -> nn.Module:
    """torchvision's resnet18 (2, 2, 2, 2; 1) and resnet50 (3, 4, 6, 3; 4), by name, shape and output."""
    layers: list[tuple[str, nn.Module]] = [
        ("conv1", nn.Conv2d(3, 64, 7, 2, 3, bias=False)),
        ("bn1", nn.BatchNorm2d(64)),
        ("relu", nn.ReLU()),
        ("maxpool", nn.MaxPool2d(3, 2, 1)),
    ]
    c = 64
    for number, depth in enumerate(depths):
        width, blocks = 64 << number, []
        for place in range(depth):
            blocks.append(Block(c, width, 2 if number and not place else 1, expansion))
            c = expansion * width
        layers.append((f"layer{number + 1}", nn.Sequential(*blocks)))
    layers += [("avgpool", nn.AdaptiveAvgPool2d(1)), ("flatten", nn.Flatten()), ("fc", nn.Linear(c, 1000))]
    torch.manual_seed(0)
    model = nn.Sequential(OrderedDict(layers)).eval()
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.normal_(layer.running_mean, std=0.1)
            nn.init.uniform_(layer.running_var, 0.5, 1.5)
            nn.init.uniform_(layer.weight, 0.5, 1.5)
    return model


INCEPTIONS = {
    "3a": (192, 64, 96, 128, 16, 32, 32), "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64), "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64), "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128), "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}  # fmt: skip


def googlenet() -> dict[str, Tensor]:
    """torchvision's googlenet by name and shape; each convolution holds its number, and so does its norm."""
    shapes = [("conv1", 3, 64, 7), ("conv2", 64, 64, 1), ("conv3", 64, 192, 3)]
    for mixed, (c, single, less, wide, least, narrow, pooled) in INCEPTIONS.items():
        shapes += [
            (f"inception{mixed}.branch1", c, single, 1),
            (f"inception{mixed}.branch2.0", c, less, 1),
            (f"inception{mixed}.branch2.1", less, wide, 3),
            (f"inception{mixed}.branch3.0", c, least, 1),
            (f"inception{mixed}.branch3.1", least, narrow, 3),  # 3x3 in torchvision as in I3D, 5x5 in the paper
            (f"inception{mixed}.branch4.1", c, pooled, 1),
        ]
    shapes += [("aux1.conv", 512, 128, 1), ("aux2.conv", 528, 128, 1)]
    state: dict[str, Tensor] = {}
    for number, (name, c, c_out, k) in enumerate(shapes, start=1):
        state[f"{name}.conv.weight"] = torch.full((c_out, c, k, k), float(number))
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{name}.bn.{part}"] = torch.full((c_out,), float(number))
        state[f"{name}.bn.num_batches_tracked"] = torch.tensor(0)
    for name, c_in, c_out in [("aux1.fc1", 2048, 1024), ("aux1.fc2", 1024, 1000), ("fc", 1024, 1000)]:
        state |= {f"{name}.weight": torch.randn(c_out, c_in), f"{name}.bias": torch.randn(c_out)}
    return state


@pytest.mark.parametrize(
    ("model", "depths", "expansion"),
    [("resnet3d-18", (2, 2, 2, 2), 1), ("resnet3d-50", (3, 4, 6, 3), 4)],
)
def test_resnets_of_torchvision_give_their_own_scores(model: str, depths: tuple[int, ...], expansion: int):
    source = resnet(depths, expansion)
    genotype = flat(genotypes.load(ROOT / "models" / f"{model}.yaml")).model_copy(update={"classes": 1000})
    target = build(genotype).eval()
    report = inflate.inflate(source.state_dict(), target)
    assert not report.anew and not report.unused and report.classes is None
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(target(image.unsqueeze(2)), source(image), atol=1e-3, rtol=1e-3)


def test_resnet50_of_torchvision_in_its_3d_network():
    state = resnet((3, 4, 6, 3), 4).state_dict()
    old = {name: tensor for name, tensor in state.items() if "num_batches" not in name}  # files of before 2018
    target = build(genotypes.load(ROOT / "models" / "resnet3d-50.yaml"))
    report = inflate.inflate(old, target)
    assert report.lines() == [
        "248 tensors copied, 17 inflated",
        "starting anew: the classifier (1000 classes in the file, 400 here)",
    ]
    torch.testing.assert_close(target.stages[3][2].conv_b.weight.sum(2), state["layer4.2.conv2.weight"])


def test_resnet50_of_torchvision_in_ct_net():
    """Most of the network's tensors are new, but most of the file's serve."""
    target = build(genotypes.load(ROOT / "models" / "ct-net-r50.yaml"))
    report = inflate.inflate(resnet((3, 4, 6, 3), 4).state_dict(), target)
    replaced = ["0.1", "1.1", "1.3", "2.1", "2.3", "2.5", "3.1"]
    assert report.anew == tuple(f"stages.{place}.conv_b" for place in replaced)
    assert set(report.unused) == {f"stages.{place}.{what}_b" for place in replaced for what in ("conv", "norm")}
    assert report.lines() == [
        "230 tensors copied",
        "starting anew: the classifier (1000 classes in the file, 174 here), stages.0.1.conv_b, stages.1.1.conv_b and "
        "5 more; in the file alone: stages.0.1.conv_b, stages.0.1.norm_b, stages.1.1.conv_b and 11 more",
    ]


def test_googlenet_of_torchvision_in_i3d():
    target = build(genotypes.load(ROOT / "models" / "i3d.yaml"))
    report = inflate.inflate(googlenet(), target)
    assert not report.anew and not report.unused and report.classes == (1000, 400)
    assert report.inflated == 1 + 1 + 9 * 2
    state = target.state_dict()
    numbers = []
    for name, tensor in state.items():
        if ".conv" in name:
            norm = name.replace("conv", "norm").removesuffix("weight")
            numbers.append(round(tensor.flatten()[0].item() * tensor.shape[2]))
            assert state[norm + "weight"][0] == state[norm + "running_var"][0] == numbers[-1]
    assert numbers == list(range(1, 58))


def test_googlenet_of_torchvision_in_s3d():
    target = build(genotypes.load(ROOT / "models" / "s3d.yaml"))
    report = inflate.inflate(googlenet(), target)
    assert not report.anew and not report.unused
    assert report.lines()[0] == "285 tensors copied, 20 temporal convolutions as identity"


# What does not fit


def test_another_architecture_is_refused_with_both_shapes():
    fifty = build(genotypes.load(ROOT / "models" / "resnet3d-50.yaml"))
    refused(
        resnet((2, 2, 2, 2), 1).state_dict(), fifty,
        r"^is of another architecture: stages\.0\.0\.conv_a\.weight is \(64, 64, 3, 3\) in the file, "
        r"\(64, 64, 1, 1, 1\) in the network; give weights of this genotype",
    )  # fmt: skip
    ir = build(network("[{depth: 3, width: 64, block: {kind: bottleneck, conv: {kind: depthwise}}}]", "stem: {}"))
    refused(
        resnet((3, 4, 6, 3), 4).state_dict(), ir,
        r"stages\.0\.0\.conv_b\.weight is \(64, 64, 3, 3\) in the file, \(64, 1, 3, 3, 3\) in the network",
    )  # fmt: skip


def test_kernels_of_other_lengths_and_foreign_names_are_refused():
    genotype = network(STAGES["bottleneck"])
    state = build(network(STAGES["bottleneck"], STEM.replace("[3, 3, 3]", "[5, 3, 3]"))).state_dict()
    refused(state, build(genotype), r"stem\.conv\.weight is \(8, 3, 5, 3, 3\) in the file, \(8, 3, 3, 3, 3\)")
    narrow = build(
        network(STAGES["bottleneck"], "stem: {width: 4, conv: {kind: dense, kernel: [1, 3, 3]}}")
    ).state_dict()
    factorised = build(network(STAGES["bottleneck"], STEM.replace("dense", "factorised")))
    refused(narrow, factorised, r"stem\.conv\.spatial\.weight is \(4, 3, 1, 3, 3\) in the file, \(8, 3, 1, 3, 3\)")
    foreign = {"encoder.weight": torch.zeros(2, 3)}
    first = r"stem\.conv\.weight \(8, 3, 3, 3, 3\) is not, encoder\.weight \(2, 3\) is; give"
    refused(foreign, build(genotype), first)
    refused({}, build(genotype), r"stem\.conv\.weight \(8, 3, 3, 3, 3\) is not; give")


def test_values_that_are_not_finite_are_refused():
    state = build(network(STAGES["simple"])).state_dict()
    state["stages.1.0.norm_b.bias"][3] = torch.nan
    refused(state, build(network(STAGES["simple"])), r"stages\.1\.0\.norm_b\.bias holds values that are not finite")


def test_another_classifier_stays_as_initialised_and_is_told():
    genotype = network(STAGES["simple"])
    state = build(genotype.model_copy(update={"classes": 9}), seed=1).state_dict()
    model = build(genotype, seed=2)
    report = inflate.inflate(state, model)
    assert report.classes == (9, 5)
    assert report.lines()[1] == "starting anew: the classifier (9 classes in the file, 5 here)"
    assert torch.equal(model.head.fc.weight, build(genotype, seed=2).head.fc.weight)
    state["head.fc.weight"] = torch.zeros(9, 7)
    refused(state, build(genotype), r"head\.fc\.weight is \(9, 7\) in the file, \(5, 16\) in the network")


def test_what_is_in_one_of_the_two_alone_is_told():
    one = network("[{depth: 2, width: 8, block: {kind: bottleneck}}]")
    more = network("""[{depth: 3, width: 8, block: {kind: bottleneck, excitation: {kind: gating}}},
        {depth: 1, width: 8, block: {kind: bottleneck}}]""")
    report = inflate.inflate(build(more).state_dict(), build(one))
    assert report.unused == ("stages.0.0.excitation_whole", "stages.0.1.excitation_whole", "stages.0.2", "stages.1")
    told = "in the file alone: stages.0.0.excitation_whole, stages.0.1.excitation_whole, stages.0.2 and 1 more"
    assert report.lines()[1] == told
    report = inflate.inflate(build(one).state_dict(), build(more))
    assert report.anew == ("stages.0.0.excitation_whole", "stages.0.1.excitation_whole", "stages.0.2", "stages.1")


# Files


@pytest.fixture
def state() -> dict[str, Tensor]:
    return build(network(STAGES["bottleneck"]), seed=1).state_dict()


def same(weights: Weights, state: dict[str, Tensor]) -> bool:
    names = weights.tensors.keys() == state.keys()
    return names and all(torch.equal(weights.tensors[name], state[name]) for name in state)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state},
        lambda state: {"epoch": 3, "model_state": {f"module.{name}": tensor for name, tensor in state.items()}},
        lambda state: {"state_dict": {f"model.{name}": nn.Parameter(t, False) for name, t in state.items()}},
    ],
    ids=["plain", "state_dict", "model", "parallel", "lightning"],
)
@pytest.mark.parametrize("suffix", ["pt", "pth"])
def test_pickled_files_are_read(tmp_path: Path, state, wrap, suffix: str):
    path = tmp_path / f"weights.{suffix}"
    torch.save(wrap(state), path)
    assert same(read(path), state)


def test_safetensors_of_anybody_and_our_own_are_read(tmp_path: Path, state):
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file({name: tensor.contiguous() for name, tensor in state.items()}, path)
    assert same(read(path), state)
    model = build(network(STAGES["bottleneck"]), seed=1)
    checkpoint.save_weights(path, model, {"epoch": 4})
    assert same(read(path), state)
    optimizer = torch.optim.SGD(model.parameters(), 0.0, momentum=0.9)
    model(torch.randn(2, 3, 4, 16, 16)).sum().backward()
    optimizer.step()
    checkpoint.save(path, model, optimizer, checkpoint.Progress({}, [], {}))
    assert same(read(path), model.state_dict())


class Harm:
    """What a pickle could do: run a command."""

    def __reduce__(self):
        return Path.write_text, (Path("harm"), "done")


@pytest.mark.parametrize("name", ["weights.safetensors", "weights.pth"])
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, state, name: str):
    path = tmp_path / name
    torch.save(state, path) if name.endswith("pth") else safetensors.torch.save_file(
        {name: tensor.contiguous() for name, tensor in state.items()}, path
    )
    whole = path.read_bytes()
    for data in (b"", b"\x80\x02", b"noise" * 99, whole[:100], whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(data)
        with pytest.raises(NasError, match=rf"{name}: is cut off,? or ") as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_other_files_are_refused_in_one_line(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for whole in (nn.Linear(2, 2), Harm()):
        torch.save(whole, "model.pt")
        with pytest.raises(NasError, match=r"model\.pt: is cut off, or holds more than tensors; give a state dict"):
            read(Path("model.pt"))
    assert not Path("harm").exists()
    for nothing in ({}, [1, 2], {"epoch": 3}, {"state_dict": {"epoch": 3}}, torch.zeros(3)):
        torch.save(nothing, "model.pt")
        with pytest.raises(NasError, match=r"model\.pt: holds no tensors by name; give a state dict"):
            read(Path("model.pt"))
    with pytest.raises(NasError, match=r"gone\.pth: cannot be read \(No such file or directory\)"):
        read(Path("gone.pth"))
    with pytest.raises(NasError, match="cannot be read"):
        read(tmp_path)


# The command


RECIPE = """
nas: 1
space: tiny.yaml
budget: 3mflops
trials: 1
sampler: {kind: uniform}
data: {path: VIDEOS, pack: {every: 1, frames: 8, size: 24}}
proxy: {width: 1.0, clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 1, batch: 8}}
retrain: {clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 1, batch: 8}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch) -> Path:
    """A study of one trial, in the working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NAS_CACHE", str(tmp_path / "cache"))
    videos = motion.generate(tmp_path / "videos", motion.MotionSettings(train=20, val=10, size=32), workers=1)
    (tmp_path / "tiny.yaml").write_text(TINY)
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "study.yaml").write_text(RECIPE.replace("VIDEOS", str(videos)))
    return tmp_path


def test_retrain_starts_from_weights(folder: Path, monkeypatch, capsys):
    def nas(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["nas", *arguments])
        with pytest.raises(SystemExit) as stop:
            cli.main()
        return stop.value.code or 0, *capsys.readouterr()

    retrain = ("retrain", "small", "--trial", "0")
    assert nas("search", "small")[0] == 0
    genotype = fronts.genotype_of(study.open_study(folder / "small").trials()[0])
    torch.save({"state_dict": build(flat(genotype)).state_dict()}, "flat.pth")
    torch.save(resnet((1, 1, 1, 1), 4).state_dict(), "resnet.pth")
    Path("broken.pth").write_bytes(Path("flat.pth").read_bytes()[:1000])
    for name, words in {
        "gone.pth": "gone.pth: cannot be read (No such file or directory); give the path of",
        "broken.pth": "broken.pth: is cut off, or holds more than tensors; give a state dict",
        "resnet.pth": "resnet.pth: is of another architecture: stem.conv.weight is (64, 3, 7, 7) in the file, (8, 3, 3",
    }.items():
        status, _, err = nas(*retrain, "--weights", name)
        assert status == 1 and words in err and err.count("\n") == 1, err
    status, out, err = nas(*retrain, "--weights", "flat.pth")
    assert (status, err) == (0, "")
    assert "starts from flat.pth: " in out and "starting anew: the classifier (5 classes in the file, 10 here)" in out
    initial = json.loads((folder / "small" / "retrained" / "0" / "metrics.json").read_text())["initial"]
    assert initial["file"] == "flat.pth" and initial["inflated"] > 0
    status, _, err = nas(*retrain)
    assert status == 1 and "weights was flat.pth" in err and err.count("\n") == 1
    status, out, _ = nas(*retrain, "--weights", "flat.pth")
    assert status == 0 and "finished already" in out

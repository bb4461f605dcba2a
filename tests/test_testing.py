"""A test averages probabilities over the views of a video, and its reversal shows who reads the order of frames."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import nn

from nas import testing
from nas.data.task import Task
from nas.data.videos import Labels
from nas.data_settings import ClipSettings, ViewSettings
from nas.errors import NasError
from nas.metrics import Measures, measure
from nas.tally import Diverged
from nas.testing import Arrow, arrow, ensemble, lines, paired
from nas.validation import evaluate
from tests.clips import packed, tiny_network

CLIP = ClipSettings(frames=4, size=2)
SEVERAL = ViewSettings(clips=3, crops=3)


@dataclass
class FakeSplit:
    """Clips drawn once, float32 (views, 3, t, h, w), and the video of each; batches as `nas.data.clips` gives them."""

    labels: Labels
    clips: list[torch.Tensor]
    videos: list[int]
    asked: list = field(default_factory=list)
    closed: bool = False

    def __len__(self):
        return len(self.labels)

    def views(self, clip, views, *, batch, device, reverse, waiting):
        self.asked.append((clip, views))
        try:
            for first in range(0, len(self.videos), batch):
                some = range(first, min(first + batch, len(self.videos)))
                x = torch.stack([self.clips[index] for index in some])
                yield (x.flip(2) if reverse else x).to(device), torch.tensor([self.videos[index] for index in some])
        finally:
            self.closed = True


def split(videos=11, classes=6, views=9, several=False, seed=0):
    rng = np.random.default_rng(seed)
    labels = Labels.single(rng.integers(classes, size=videos))
    if several:
        labels = Labels.several([rng.choice(classes, rng.integers(1, 4), replace=False) for _ in range(videos)])
    clips = torch.from_numpy(rng.normal(size=(videos * views, 3, 4, 2, 2)).astype(np.float32))
    return FakeSplit(labels, list(clips), np.repeat(np.arange(videos), views).tolist())


def rising(videos=40, seed=0):
    """Videos whose brightness rises (class 1) or falls (class 0)."""
    labels = np.random.default_rng(seed).integers(2, size=videos)
    ramp = torch.linspace(-1, 1, 4)[None, :, None, None].expand(3, 4, 2, 2)
    return FakeSplit(Labels.single(labels), [ramp if label else -ramp for label in labels], list(range(videos)))


def linear(classes=6, seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(48, classes))


class Ordered(nn.Module):
    """Scores the last frame against the first: it sees the arrow of time."""

    def forward(self, x):
        rise = (x[:, :, -1] - x[:, :, 0]).mean((1, 2, 3))
        return torch.stack([-rise, rise], dim=1)


class Unordered(nn.Module):
    """Scores the brightest and the darkest pixel, whenever they come."""

    def forward(self, x):
        return torch.stack([x.amax((1, 2, 3, 4)), -x.amin((1, 2, 3, 4))], dim=1)


def run(model, data, views=SEVERAL, batch=4, **more):
    return testing.test(model, data, CLIP, views, batch=batch, device="cpu", **more)


@pytest.mark.parametrize("several", [False, True])
def test_probabilities_are_averaged_over_the_views_of_a_video(several):
    data, model = split(several=several), linear()
    result = run(model, data, multilabel=several)
    assert data.asked == [(CLIP, SEVERAL)] and data.closed
    logits = [model.eval()(clip[None])[0].detach() for clip in data.clips]
    means = np.zeros((len(data), 6))
    for video, row in zip(data.videos, logits, strict=True):
        means[video] += (row.sigmoid() if several else row.softmax(0)).numpy() / 9
    assert result.scores == pytest.approx(means, rel=1e-5) and result.scores.dtype == np.float32
    own = data.labels.hot(np.arange(len(data)), 6) if several else data.labels.first()
    targets = torch.from_numpy(own)
    expected = measure(torch.from_numpy(means), targets), measure(torch.stack(logits), targets[data.videos])
    assert [part.to_plain() for part in (result.video, result.clip)] == [
        pytest.approx(part.to_plain()) for part in expected
    ]
    assert (result.video.count, result.clip.count) == (11, 99)
    assert result.hits.tolist() == [int(row.argmax()) in data.labels[video] for video, row in enumerate(means)]


def test_means_differ_from_votes():
    """One sure view outweighs two that hardly disagree with it."""
    data = FakeSplit(Labels.single([0]), [torch.full((3, 4, 2, 2), value) for value in (3.0, -0.2, -0.2)], [0, 0, 0])
    model = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 2, bias=False))
    model[2].weight.data = torch.tensor([[1.0, 0, 0], [0.0, 0, 0]])
    result = run(model, data, ViewSettings(clips=3))
    assert (result.video.top1, result.clip.top1) == (1.0, pytest.approx(1 / 3))


def test_the_batch_does_not_matter():
    one, many = (run(linear(), split(), batch=batch) for batch in (1, 50))
    assert one.scores == pytest.approx(many.scores, rel=1e-5)
    assert one.clip.to_plain() == many.clip.to_plain()


def test_views_of_several_lengths():
    """With `clips: all` a batch has as many frames as its videos."""
    clips = [torch.randn(3, t, 2, 2, generator=torch.Generator().manual_seed(t)) for t in (4, 4, 9)]
    model = nn.Sequential(nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(3, 2))
    data = FakeSplit(Labels.single([0, 1, 1]), clips, [0, 1, 2])
    result = run(model, data, ViewSettings(clips="all"), batch=1)
    for video, clip in enumerate(clips):
        assert result.scores[video] == pytest.approx(model(clip[None])[0].softmax(0).detach().numpy())


def test_the_model_comes_back_as_it_was():
    model = linear().train()
    first, again = run(model, split()), run(model, split())
    assert model.training and np.array_equal(first.scores, again.scores)
    assert not run(model.eval(), split()).reverse and not model.training


def test_reversal_hurts_a_model_that_sees_the_order_and_no_other():
    found = arrow(Ordered(), rising(), CLIP, ViewSettings(), batch=7, device="cpu")
    assert (found.forward.video.top1, found.backward.video.top1) == (1.0, 0.0)
    assert (found.difference, found.error) == (-1.0, 0.0)
    assert found.backward.reverse and not found.forward.reverse
    blind = arrow(Unordered(), split(classes=2, views=1), CLIP, ViewSettings(), batch=7, device="cpu")
    assert 0 < blind.forward.video.top1 < 1 and blind.difference == blind.error == 0.0
    assert np.array_equal(blind.forward.scores, blind.backward.scores)


def test_the_error_of_a_reversal_is_that_of_its_differences():
    found = arrow(linear(), split(videos=200, views=1), CLIP, ViewSettings(), batch=32, device="cpu")
    gained = (found.backward.hits & ~found.forward.hits).sum()
    lost = (found.forward.hits & ~found.backward.hits).sum()
    assert found.difference == pytest.approx((gained - lost) / 200)
    assert found.error == pytest.approx(np.sqrt((gained + lost) / 200 - found.difference**2) / np.sqrt(200))
    assert 0 < found.error < 0.05


def test_the_error_of_a_reversal_is_the_spread_over_draws_of_videos():
    sets = [split(100, 6, 1, seed=seed) for seed in range(60)]
    draws = [arrow(linear(), some, CLIP, ViewSettings(), batch=100, device="cpu") for some in sets]
    spread = np.std([found.difference for found in draws])
    assert np.mean([found.error for found in draws]) == pytest.approx(spread, rel=0.25)


def test_differences_of_paired_tests():
    rng = np.random.default_rng(0)
    before, after = rng.random(500) < 0.7, rng.random(500) < 0.8
    changed = [int(new) - int(old) for old, new in zip(before, after, strict=True)]
    assert paired(before, after) == pytest.approx((np.mean(changed), np.std(changed) / np.sqrt(500)))
    assert paired(before, before) == (0.0, 0.0)


@pytest.mark.parametrize("several", [False, True])
def test_an_ensemble_is_the_mean_of_the_scores_of_each_video(several):
    data, views = split(several=several), (ViewSettings(), SEVERAL, ViewSettings(clips=2))
    found = [run(linear(seed=seed), data, how, multilabel=several) for seed, how in enumerate(views)]
    together = ensemble(found, data.labels, multilabel=several)
    for video in range(len(data)):
        for number in range(6):
            mean = sum(float(one.scores[video, number]) for one in found) / 3
            assert together.scores[video, number] == pytest.approx(mean)
    assert together.scores.dtype == np.float32 and together.clip is None
    own = data.labels.hot(np.arange(len(data)), 6) if several else data.labels.first()
    expected = measure(torch.from_numpy(together.scores), torch.from_numpy(own))
    assert together.video.to_plain() == expected.to_plain()
    assert together.hits.tolist() == [int(row.argmax()) in data.labels[i] for i, row in enumerate(together.scores)]
    assert together.seconds == pytest.approx(sum(one.seconds for one in found))
    (line,) = lines(together)
    assert line.startswith("video top-1 0.") and line.endswith("(11 videos, mean of 3 networks)")


def test_an_ensemble_of_equals_is_each_of_them_and_can_be_reversed():
    data = split()
    one, other = (arrow(linear(), data, CLIP, ViewSettings(), batch=4, device="cpu") for _ in range(2))
    together = ensemble([one, other], data.labels)
    for way in ("forward", "backward"):
        assert np.array_equal(getattr(together, way).scores, getattr(one, way).scores)
    assert together.backward.reverse and together.difference == one.difference and together.error == one.error


def test_one_sure_network_outweighs_two_that_hardly_disagree():
    """Means differ from votes."""
    data = FakeSplit(Labels.single([0]), [torch.ones(3, 4, 2, 2)], [0])
    sure, unsure = (nn.Sequential(nn.Flatten(), nn.Linear(48, 2)) for _ in range(2))
    for model, bias in ((sure, [4.0, 0.0]), (unsure, [0.0, 0.2])):
        model[1].weight.data.zero_()
        model[1].bias.data = torch.tensor(bias)
    found = [run(model, data, ViewSettings()) for model in (sure, unsure, unsure)]
    assert [one.video.top1 for one in found] == [1.0, 0.0, 0.0]
    assert ensemble(found, data.labels).video.top1 == 1.0


def test_lines_of_one_view():
    (line,) = lines(run(linear(), split(views=1), ViewSettings()))
    assert line.startswith("video top-1 0.") and line.endswith("(11 videos, 1 clip)")


def result_of(video, clip, hits, **more):
    facts = {"scores": np.zeros((4, 5)), "views": "10 clips x 3 crops", "reverse": False, "seconds": 1.0}
    return testing.TestResult(video=video, clip=clip, hits=np.array(hits), wait_share=0.0, **(facts | more))


def measures(count, top1, **more):
    empty = {"top5": None, "mean_class": None, "map": None}
    arrays = {"counts": np.zeros(5), "per_class": np.zeros(5), "confusion": None}
    return Measures(count=count, top1=top1, **(empty | arrays | more))


def test_lines_of_several_views_and_of_a_reversal():
    forward = result_of(
        measures(2000, 0.712, top5=0.9014, mean_class=0.655),
        measures(60000, 0.651, top5=0.87, mean_class=0.602),
        [True] * 712 + [False] * 288,
    )
    backward = result_of(measures(2000, 0.152, top5=0.4, mean_class=0.14), forward.clip, [False] * 848 + [True] * 152)
    assert lines(Arrow(forward, backward)) == [
        "video top-1 0.712 ±0.010, top-5 0.901, mean per class 0.655 (2,000 videos, 10 clips x 3 crops)",
        "clip top-1 0.651, top-5 0.870, mean per class 0.602",
        "frames reversed: video top-1 0.152 (-0.560 ±0.023), mean per class 0.140 (-0.515)",
    ]
    assert lines(forward) == lines(Arrow(forward, backward))[:2]
    alone = result_of(measures(4, 0.5, map=0.25), measures(4, 0.5), [True] * 4, reverse=True, views="1 clip")
    assert lines(alone) == ["video top-1 0.500 ±0.250, mAP 0.250 (4 videos, 1 clip) with frames reversed"]


def test_scores_that_are_no_numbers():
    data = split()
    data.clips[17][0, 0, 0, 0] = torch.nan
    with pytest.raises(Diverged, match="^the test, clips: the scores of 1 of 4 clips are not finite"):
        run(linear(), data)
    assert data.closed


@pytest.mark.parametrize("several", [False, True])
def test_a_network_of_too_few_classes(several):
    with pytest.raises(NasError, match="a label is class 5, counted from 0, and the network has 4 classes"):
        run(linear(classes=4), split(several=several, seed=1), multilabel=several)


def test_no_videos():
    with pytest.raises(NasError, match="no videos to test on"):
        run(linear(), split(videos=0))


def test_progress():
    seen = []
    run(linear(), split(videos=2, views=3), batch=4, on_batch=seen.append)
    assert seen == [4, 6]
    arrow(linear(), split(videos=2, views=3), CLIP, SEVERAL, batch=4, device="cpu", on_batch=seen.append)
    assert seen[2:] == [4, 6, 10, 12], "of both directions"


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("several", [False, True])
def test_one_view_of_packed_videos_is_what_a_validation_sees(tmp_path, several):
    rng = np.random.default_rng(0)
    videos = [rng.integers(0, 256, (6, 10, 12, 3), dtype=np.uint8) for _ in range(30)]
    labels = Labels.several([(i % 6, 5) if i % 6 < 3 else (i % 6,) for i in range(30)])
    labels = labels if several else Labels.single(np.arange(30) % 6)
    task = Task(tuple("abcdef"), several, "map" if several else "top1")
    data, model, clip = packed(tmp_path, videos, labels, task), tiny_network(), ClipSettings(frames=4, size=8)
    validated = evaluate(model, data, clip, batch=7, device="cpu")
    result = testing.test(model, data, clip, ViewSettings(), batch=7, device="cpu", multilabel=several)
    assert result.clip.top5 == validated["val_top5"]
    assert (result.clip.map if several else result.clip.top1) == validated["val_accuracy"]
    assert (result.video.map if several else result.video.top1) == validated["val_accuracy"]
    still = [video[:1].repeat(6, axis=0) for video in videos]
    (tmp_path / "still").mkdir()
    same = packed(tmp_path / "still", still, labels, task)
    assert arrow(model, same, clip, SEVERAL, batch=7, device="cpu", multilabel=several).difference == 0.0


def test_real_reversal_is_what_a_reversed_video_shows(tmp_path):
    rng = np.random.default_rng(1)
    videos = [rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8) for _ in range(12)]
    labels, task = Labels.single(np.arange(12) % 6), Task(tuple("abcdef"))
    model, clip, how = tiny_network(), ClipSettings(frames=4, size=8), {"batch": 5, "device": "cpu"}
    data = packed(tmp_path, videos, labels, task)
    (tmp_path / "turned").mkdir()
    turned = packed(tmp_path / "turned", [video[::-1].copy() for video in videos], labels, task)
    found = arrow(model, data, clip, ViewSettings(), **how)
    expected = testing.test(model, turned, clip, ViewSettings(), **how)
    assert found.backward.scores == pytest.approx(expected.scores, rel=1e-6)
    assert not np.allclose(found.forward.scores, expected.scores, rtol=1e-3)

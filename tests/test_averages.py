"""The moving average of weights, and precise statistics of norms, against the same written out by hand."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nas import device as devices
from nas.averages import Average, precise_norms
from nas.train import fit
from nas.train_settings import TrainSettings
from nas.validation import evaluate
from tests.clips import CLIP, FakePack, tiny_network

SETTINGS = TrainSettings(epochs=2, batch=8, lr=0.1, warmup=0, ema=0.75)
PRECISE = SETTINGS.model_copy(update={"ema": 0.0, "precise_norms": 24, "dropout": 0.2})

pytestmark = pytest.mark.usefixtures("one_thread")


def train(settings, model=None, **more):
    return fit(model or tiny_network(), FakePack(), settings, CLIP, seed=3, device="cpu", **more)


def state(model):
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def figures(curve):
    return [{key: row[key] for key in row if key not in ("seconds", "wait")} for row in curve]


# ---- the moving average


def averaged(states, decay):
    """The average after each of the states, from the first one on, as its definition has it."""
    told = [states[0]]
    for one in states[1:]:
        told.append({name: decay * told[-1][name] + (1 - decay) * tensor for name, tensor in one.items()})
    return told


def test_weights_and_statistics_are_averaged_step_by_step():
    model, raw, shown = tiny_network(), [], []
    train(
        SETTINGS,
        model,
        on_step=lambda done, total: raw.append(state(model)),
        on_epoch=lambda so_far: shown.append(state(model)),
    )
    floating = [name for name, tensor in raw[0].items() if tensor.is_floating_point()]
    assert "1.running_var" in floating and len(raw) == 10
    wanted = averaged(raw, 0.75)
    for mine, found in ((wanted[4], shown[0]), (wanted[9], shown[1]), (wanted[9], state(model))):
        for name in floating:
            torch.testing.assert_close(found[name], mine[name], rtol=1e-5, atol=1e-6)
    assert not torch.allclose(shown[1]["6.weight"], raw[9]["6.weight"], rtol=1e-3), "the average is the last step"


def test_training_goes_on_from_the_weights_and_not_from_their_average():
    plain = train(SETTINGS.model_copy(update={"ema": 0.0})).curve
    shown = train(SETTINGS).curve
    assert [row["train_loss"] for row in shown] == [row["train_loss"] for row in plain]
    assert all(one["val_loss"] != other["val_loss"] for one, other in zip(shown, plain, strict=True))


def test_the_average_is_what_is_validated_and_kept():
    model, told = tiny_network(), []

    def on_epoch(so_far):
        told.append(evaluate(copy.deepcopy(model), FakePack().val, CLIP, batch=8, device="cpu"))

    result = train(SETTINGS, model, on_epoch=on_epoch)
    assert [one["val_loss"] for one in told] == [row["val_loss"] for row in result.curve]
    assert evaluate(model, FakePack().val, CLIP, batch=8, device="cpu")["val_accuracy"] == result.accuracy


def test_the_average_is_left_where_a_training_is_ended():
    model, seen = tiny_network(), []
    train(SETTINGS, model, on_epoch=lambda so_far: bool(seen.append(state(model))))
    assert len(seen) == 1 and all(torch.equal(tensor, seen[0][name]) for name, tensor in state(model).items())


def test_an_exchange_loses_no_bit():
    model = tiny_network().to(memory_format=torch.channels_last_3d)
    average, before = Average(model, 0.9), state(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1e-3)
    after = state(model)
    with average.shown(model):
        assert all(torch.equal(tensor, before[name]) for name, tensor in state(model).items())
        assert all(torch.equal(tensor, after[name]) for name, tensor in average.state().items())
    assert all(torch.equal(tensor, after[name]) for name, tensor in state(model).items())


# ---- precise norms


def batches(count, epoch=3):
    """The training clips of the epoch after the last one."""
    return list(FakePack().train.batches(CLIP, batch=8, seed=3, epoch=epoch, train=True, device="cpu"))[:count]


def seen_by(norm, model, clips):
    """What a norm gets of clips, (values, channels), all lower norms using the statistics of this batch."""
    kept, model = [], copy.deepcopy(model).train()
    dict(model.named_modules())[norm].register_forward_pre_hook(lambda _, given: kept.append(given[0]))
    with torch.no_grad():
        model(clips)
    return kept[0].movedim(1, -1).flatten(0, -2).double()


@pytest.mark.parametrize(("asked", "taken"), [(24, 3), (17, 3), (1, 1), (1000, 5)])
def test_statistics_are_those_of_all_clips_together(asked, taken):
    """In a network of one norm, whose input depends on no other's batch."""
    model = tiny_network()
    result = train(PRECISE.model_copy(update={"precise_norms": asked}), model)
    assert result.precise["clips"] == 8 * taken
    clips = [x for x, _ in batches(taken)]
    values = seen_by("1", model, torch.cat(clips))
    torch.testing.assert_close(model[1].running_mean.double(), values.mean(0), rtol=1e-5, atol=1e-6)
    var = values.var(0, correction=0)
    torch.testing.assert_close(model[1].running_var.double(), var, rtol=1e-3, atol=0)


def test_batches_that_differ_are_counted_clip_by_clip():
    """The upper norm's input depends on the batch that the lower one normalises by, as in training."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 4, 1), nn.BatchNorm3d(4))
    given = [(x[: 8 - 2 * number] + number, y) for number, (x, y) in enumerate(batches(3))]
    parts = {name: [seen_by(name, model, x) for x, _ in given] for name in ("1", "4")}
    precise_norms(model.eval(), given, devices.autocast(torch.device("cpu"), "fp32"))
    assert not model.training and model[1].momentum == model[4].momentum == 0.1
    for name, values in parts.items():
        norm, together = model[int(name)], torch.cat(values)
        torch.testing.assert_close(norm.running_mean.double(), together.mean(0), rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(norm.running_var.double(), together.var(0, correction=0), rtol=1e-3, atol=0)
    own = torch.stack([values.var(0) for values in parts["1"]]).mean(0)
    assert (own < 0.99 * torch.cat(parts["1"]).var(0)).all(), "the mean of the batches' own variances is another figure"


def test_what_is_told_and_kept_has_precise_norms():
    model = tiny_network()
    result = train(PRECISE, model)
    tested = evaluate(model, FakePack().val, CLIP, batch=8, device="cpu")
    assert tested == {name: value for name, value in result.precise.items() if name != "clips"}
    assert result.accuracy == result.precise["val_accuracy"]
    assert result.precise["val_loss"] != result.curve[-1]["val_loss"]
    assert figures(result.curve) == figures(train(PRECISE.model_copy(update={"precise_norms": 0})).curve)


def test_statistics_are_measured_for_the_averaged_weights():
    model = tiny_network()
    train(SETTINGS.model_copy(update={"precise_norms": 16}), model)
    values = seen_by("1", model, torch.cat([x for x, _ in batches(2)]))
    torch.testing.assert_close(model[1].running_mean.double(), values.mean(0), rtol=1e-5, atol=1e-6)


def test_the_global_random_state_is_left_alone():
    before = torch.get_rng_state()
    train(PRECISE)
    assert torch.equal(before, torch.get_rng_state())

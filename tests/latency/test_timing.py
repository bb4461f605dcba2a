"""Timing and counting of calls, on torch itself."""

import gc

import pytest
import torch
from torch import nn

from nas.errors import NasError
from nas.latency import timing
from nas.latency.setting import LAST, PLAIN, Setting
from nas.latency.times import Times
from nas.latency.timing import Sample, Subject, interleaved, layout_of, peak, running, subject

CPU = Setting("cpu", "A CPU", threads=1)
pytestmark = pytest.mark.usefixtures("quick")


class Recorder(nn.Module):
    """Keeps what it is called with, and how."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 4, 1)
        self.seen = []

    def forward(self, x):
        self.seen.append((x, self.training, torch.is_inference_mode_enabled(), torch.get_num_threads()))
        return self.conv(x)


def test_a_network_runs_in_inference_as_the_setting_says():
    module = Recorder()
    setting = Setting("cpu", "A CPU", threads=2, dtype="bf16", batch=3)
    one = subject(lambda: module, (3, 2, 8, 8), setting)
    x, training, inference, threads = module.seen[-1]
    assert x.shape == (3, 3, 2, 8, 8) and x.dtype == module.conv.weight.dtype == torch.bfloat16
    assert x.is_contiguous(memory_format=torch.channels_last_3d) and layout_of(x) == LAST
    assert (training, inference, threads) == (False, True, 2) and torch.get_num_threads() == 1
    assert one.held == 2 * (4 * 3 + 4) and one.repeats >= 1
    subject(lambda: module, (3, 2, 8, 8), CPU, layout=PLAIN)
    assert layout_of(module.seen[-1][0]) == PLAIN


def test_a_training_step_goes_forward_and_backward_and_leaves_no_gradients():
    module, reached = Recorder(), []
    module.conv.weight.register_hook(reached.append)
    setting = Setting("cpu", "A CPU", threads=1, dtype="bf16", training=True)
    subject(lambda: module, (3, 2, 8, 8), setting)
    _, training, inference, _ = module.seen[-1]
    assert training and not inference and len(reached) == len(module.seen)
    assert module.conv.weight.dtype == torch.float32 and module.conv.weight.grad is None


def test_all_are_timed_in_turn_forwards_and_backwards():
    order = []
    subjects = [Subject(lambda name=name: order.append(name), CPU, 0, LAST, 1, 0.0) for name in "abc"]
    found = interleaved(subjects, rounds=4)
    assert "".join(order[:12]) == "cbaabccbaabc" and [times.samples for times in found] == [4, 4, 4]


def test_the_least_disturbed_samples_count():
    one = Subject(lambda: None, CPU, 0, LAST, 1, 0.0)
    one.samples = [Sample(5.0, 2), Sample(1.0, 0), Sample(9.0, 7), Sample(1.2, 0), Sample(1.4, 0), Sample(4.0, 1)]
    assert one.times(3) == Times(1.2, 0.2, 3, 0)
    assert one.times(5).disturbed == 2 and one.times(5).median == 1.4


def test_more_samples_are_taken_of_what_was_disturbed(monkeypatch):
    switches = iter([*range(12), *[12] * 1000])  # the first six samples are each disturbed once
    monkeypatch.setattr(timing, "_switches", lambda: next(switches))
    monkeypatch.setattr(timing, "PATIENCE", 30.0)
    (found,) = interleaved([Subject(lambda: None, CPU, 0, LAST, 1, 0.0)], rounds=4)
    assert found.samples == 4 and found.disturbed == 0
    assert next(switches) == 12, "six disturbed ones and four others are twenty questions"


def test_patience_has_an_end(monkeypatch):
    turns = iter(range(10**6))
    monkeypatch.setattr(timing, "_switches", lambda: next(turns))
    one = Subject(lambda: sum(range(20_000)), CPU, 0, LAST, 1, 0.0)
    (found,) = interleaved([one], rounds=3)
    assert found.disturbed == 3 and found.doubtful and 3 < len(one.samples) < 20


class Holding(nn.Module):
    """Holds 3 MiB at its worst: two tensors of one MiB, and a sum beside them."""

    def forward(self, x):
        one, two = torch.ones(1 << 18), torch.ones(1 << 18)
        three = one + two
        del one, two
        return three.sum() + torch.ones(1 << 18).sum() + x.sum()


def test_memory_is_counted_exactly():
    one = subject(Holding, (3, 1, 2, 2), CPU)
    assert 3 << 20 <= peak(one) < (3 << 20) + 4096


def test_memory_of_a_kernels_work_space_counts():
    conv = nn.Conv3d(64, 64, 3, padding=1, bias=False)  # so few numbers are unfolded into columns, 27 times the input
    one = subject(lambda: conv, (64, 4, 16, 16), Setting("cpu", "A CPU", threads=1, memory_format=PLAIN))
    assert peak(one) == 64 * 4 * 16 * 16 * 4 * (27 + 1)


def test_torch_is_left_as_it_was():
    torch.set_num_threads(2)
    with running(CPU):
        assert torch.get_num_threads() == 1 and not gc.isenabled()
    assert torch.get_num_threads() == 2 and gc.isenabled()


def test_what_torch_cannot_do_is_one_line():
    pool = Setting("cpu", "A CPU", threads=1, dtype="bf16")
    with pytest.raises(NasError, match=r"does not run in this way: .*avg_pool3d"):
        subject(lambda: nn.AvgPool3d(2), (3, 2, 4, 4), pool)
    with pytest.raises(NasError, match="out of memory; use a smaller batch or clip") as caught:
        subject(nn.Identity, (3, 64, 4096, 4096), Setting("cpu", "A CPU", threads=1, batch=10_000))
    assert caught.value.__cause__ is None


@pytest.mark.gpu
def test_a_gpu_is_timed_and_its_memory_counted():
    from nas.latency import present

    setting = present.setting(device="cuda", batch=2)
    assert setting.dtype in ("bf16", "fp16") and setting.threads == 0
    one = subject(lambda: nn.Conv3d(3, 8, 1, bias=False), (3, 4, 64, 64), setting)
    (found,) = interleaved([one], rounds=3)
    assert found.median > 0 and peak(one) >= 2 * 8 * 4 * 64 * 64 * 2

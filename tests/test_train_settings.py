"""Settings of a training: what does not hold together is refused, with the way out."""

import pytest

from nas.errors import NasError
from nas.schema import validate
from nas.train_settings import TrainSettings


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"schedule": "step"}, r"schedule = step with milestones = \[\]; give milestones with schedule: step"),
        ({"milestones": [3]}, r"schedule = cosine with milestones = \[3\.0\]; .* and with no other"),
        ({"schedule": "constant", "milestones": [3]}, r"schedule = constant with milestones"),
        ({"schedule": "step", "milestones": [3, 8]}, r"milestones = 3 8 do not rise .*; .*below the 8 epochs"),
        ({"schedule": "step", "milestones": [4, 2.5]}, r"milestones = 4 2\.5 do not rise"),
        ({"schedule": "step", "milestones": [2, 2]}, r"milestones = 2 2 do not rise"),
        ({"schedule": "step", "milestones": [0]}, r"milestones\.0|greater than 0"),
        ({"schedule": "steps"}, "did you mean 'step'\\? Known: constant cosine step"),
        ({"optimiser": "adam"}, "did you mean 'adamw'"),
        ({"undecayed": ["norm"]}, "did you mean 'norms'"),
        ({"norms": "shared"}, "shared does not fit; Known: global local"),
        ({"ema": 1.0}, "less than 1"),
        ({"micro_batch": -1}, "greater than or equal to 0"),
        ({"factor": 1.0}, "less than 1"),
        ({"leraning_rate": 0.1}, "the key 'leraning_rate' is unknown"),
    ],
)
def test_what_does_not_fit_is_one_line(written, told):
    with pytest.raises(NasError, match=told) as caught:
        validate(TrainSettings, written)
    assert "\n" not in str(caught.value)


def test_a_schedule_of_steps_is_taken_as_written():
    settings = validate(TrainSettings, {"schedule": "step", "milestones": [2, 4.5], "factor": 0.5})
    assert settings.milestones == (2.0, 4.5) and settings.factor == 0.5


@pytest.mark.parametrize(
    ("written", "peak"),
    [
        ({"batch": 64, "lr": 0.1}, 0.1),
        ({"batch": 64, "lr": 0.1, "lr_batch": 64}, 0.1),
        ({"batch": 16, "lr": 0.1, "lr_batch": 64}, 0.025),
        ({"batch": 512, "lr": 0.01, "lr_batch": 8}, 0.64),
        ({"batch": 64, "lr": 0.1, "lr_batch": 64, "micro_batch": 4}, 0.1),
    ],
)
def test_the_peak_rate_is_in_proportion_to_the_batch(written, peak):
    assert TrainSettings(**written).peak == pytest.approx(peak)


@pytest.mark.parametrize(
    ("batch", "micro", "processes", "clips"),
    [(64, 0, 1, 64), (64, 8, 1, 8), (64, 8, 4, 8), (64, 0, 4, 16), (64, 32, 4, 16), (64, 100, 1, 64), (2, 0, 4, 1)],
)
def test_no_more_clips_pass_at_once_than_a_process_has_or_is_told(batch, micro, processes, clips):
    assert TrainSettings(batch=batch, micro_batch=micro).at_once(processes) == clips

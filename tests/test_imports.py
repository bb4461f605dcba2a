"""Imports point one way, and heavy libraries are met only where they are used."""

import subprocess
import sys

import pytest

PURE = [
    "nas.cli", "nas.card", "nas.content", "nas.cost", "nas.errors", "nas.frozen", "nas.genotype", "nas.layers",
    "nas.network", "nas.records", "nas.recipe", "nas.scale", "nas.schema", "nas.seeds", "nas.space", "nas.space_card",
    "nas.strict_yaml", "nas.survey", "nas.targets", "nas.template", "nas.units", "nas.blocks", "nas.search.sampler",
    "nas.search.wrappers", "nas.search.propose", "nas.search.start", "nas.match", "nas.user_blocks", "nas.opaque",
    "nas.facts", "nas.peers", "nas.published", "nas.summary", "nas.field", "nas.field_card",
    "nas.scores", "nas.scores.baselines", "nas.scores.copies", "nas.scores.entropy", "nas.scores.evaluator",
    "nas.scores.gradnorm", "nas.scores.naswot", "nas.scores.registry", "nas.scores.synflow",
    "nas.data_settings", "nas.driving", "nas.trial", "nas.versions", "nas.engines.engine", "nas.engines.here",
    "nas.engines.known", "nas.packed", "nas.presets", "nas.recorded", "nas.train_settings", "nas.trained",
    "nas.commands.data", "nas.commands.evaluate", "nas.commands.retrain", "nas.commands.search",
    "nas.commands.latency", "nas.latency.blocks", "nas.latency.card", "nas.latency.costing", "nas.latency.gathering",
    "nas.latency.inversions", "nas.latency.measuring", "nas.latency.measuring_blocks", "nas.latency.named",
    "nas.latency.results", "nas.storage.pointer", "nas.storage.process", "nas.storage.secrets",
    "nas.latency.setting", "nas.latency.table", "nas.latency.times",
    "nas.cluster_settings", "nas.cluster.connecting", "nas.cluster.failures", "nas.cluster.nodes", "nas.cluster.packs",
    "nas.cluster.probe", "nas.cluster.reaper", "nas.cluster.same", "nas.cluster.train_worker", "nas.cluster.training",
]  # fmt: skip
HEAVY = {"torch", "optuna", "plotly", "pandas", "av", "moocore", "numpy", "safetensors", "ray"}
WITH_TORCH = [
    "nas.build", "nas.checkpoint", "nas.data.clips", "nas.data.pack", "nas.evaluating", "nas.inflate", "nas.proxy",
    "nas.retrain", "nas.train", "nas.weights", "nas.engines.processes", "nas.latency.completing", "nas.latency.present",
    "nas.latency.timing", "nas.latency.wholes",
]  # fmt: skip
NOT_ON_A_GPU_BOX = {"optuna", "plotly", "av", "ray", "pandas", "moocore"}


def imported(module: str) -> set[str]:
    code = f"import sys, {module}; print(*{{name.split('.')[0] for name in sys.modules}})"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_import_nothing_heavy(module):
    assert not imported(module) & HEAVY


@pytest.mark.parametrize("module", WITH_TORCH)
def test_models_data_and_training_need_torch_alone(module):
    assert not imported(module) & NOT_ON_A_GPU_BOX


def test_pareto_needs_neither_torch_nor_optuna_nor_plotly():
    assert not imported("nas.pareto") & {"torch", "optuna", "plotly"}


def test_optuna_and_plotly_stay_where_they_are_used():
    assert "torch" not in imported("nas.study") and "plotly" not in imported("nas.study")
    assert not imported("nas.dashboard.static") & {"torch", "optuna", "plotly", "pandas"}

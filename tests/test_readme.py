"""The README's commands run as they stand there, on a space and a data set small enough for a test.

The pages of docs/ are complete, and what they show works.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from nas import content, genotype, scores, space, strict_yaml, user_blocks
from nas.blocks import BLOCKS, EXCITATIONS, OPERATORS
from nas.build import build
from nas.cli import app
from nas.cost import cost
from nas.dashboard import board
from nas.data import motion
from nas.data.formats import FORMATS
from nas.search.registry import BUILT_IN
from tests.spaces import TINY

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = PAGES[0].read_text(encoding="utf-8")
DOCS = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
RECIPE = """
nas: 1
space: csn
budget: 35gflops
objectives: [accuracy, gflops, ginteractions]
trials: 2
data: {path: VIDEOS, pack: {every: 1, frames: 8, size: 24}}
proxy: {width: 1.0, clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 1, batch: 8}}
retrain: {clip: {frames: 4, size: 20, stride: 2}, train: {epochs: 1, batch: 8}}
"""


def blocks(language, text):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def page(name):
    return (ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")


def commands():
    lines = [line.split("#")[0].strip() for block in blocks("", README) for line in block.splitlines()]
    return [line.removeprefix("$ ") for line in lines if line.removeprefix("$ ").startswith("nas ")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working folder in which `space/csn.yaml` and the default study are tiny."""
    folder = tmp_path_factory.mktemp("readme")
    videos = motion.generate(folder / "cache", motion.MotionSettings(train=20, val=20, size=32), workers=1)
    for path, text in {
        "space/csn.yaml": TINY,
        "studies/motion/study.yaml": RECIPE.replace("VIDEOS", str(videos)),
    }.items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(text)
    return folder


def test_every_command_of_the_readme_runs(folder, monkeypatch):
    monkeypatch.setenv("NAS_CACHE", str(folder / "cache"))
    assert len(commands()) >= 4
    for command in commands():
        done = subprocess.run(
            [sys.executable, "-m", "nas", *shlex.split(command)[1:]],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}: {done.stderr}"
    assert (folder / "studies" / "csn-35gflops" / "pareto.html").exists()


def test_the_readme_shows_every_command_and_option():
    groups = [("nas", app), *((f"nas {group.name}", group.typer_instance) for group in app.registered_groups)]
    for name, group in groups:
        for command in group.registered_commands:
            assert f"`{name} {command.callback.__name__} " in README, command


def test_the_pages_name_every_format_and_recipe():
    for name in FORMATS:
        assert f"`{name}`" in DOCS, name
    for study in ROOT.glob("studies/*/study.yaml"):
        assert study.parent.name in DOCS, study


def test_the_space_that_is_shown_is_one():
    found = space.parse(blocks("yaml", page("spaces"))[0])
    assert found.count > 1
    for record in found.covering():
        found.genotype(record)


def test_the_dashboard_that_is_shown_is_one():
    told = next(text for text in blocks("yaml", DOCS) if "figures:" in text)
    assert board.parse(strict_yaml.plain(strict_yaml.parse(told))).sections[0].heading == "Cost"
    for name in content.names(board.FOLDER):
        assert f"`{name}`" in DOCS, name


def test_the_block_that_is_shown_runs(tmp_path):
    lines = blocks("python", page("spaces"))[0].splitlines()
    assert len([line for line in lines if line.strip() and "import" not in line]) <= 10
    (tmp_path / "my_blocks.py").write_text("\n".join(lines))
    stages = "[{depth: 2, width: 32, stride: [1, 2, 2], block: {kind: squeeze, middle: !choice [8, 16]}}]"
    rest = f"input: {{frames: 4, size: 32}}, stem: {{width: 16}}, stages: {stages}"
    (tmp_path / "my_space.yaml").write_text(f"{{{rest}}}")
    command = re.search(r"`nas (check my_space.yaml --import my_blocks.py)`", DOCS)[1]
    done = subprocess.run(
        [sys.executable, "-m", "nas", *command.split()], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "2 records" in done.stdout and "100.00%" in done.stdout
    user_blocks.load(tmp_path / "my_blocks.py")
    for keep, frames in (("0", 1), ("all", 7)):
        (tmp_path / "own.yaml").write_text(f"{{deflation: {{keep: {keep}}}, {rest.replace('!choice [8, 16]', '8')}}}")
        own = genotype.load(tmp_path / "own.yaml")
        assert cost(own).receptive_field[0] == frames
        assert build(own, seed=0)(torch.randn(2, 3, 4, 32, 32)).shape == (2, 400)


def test_the_pages_name_every_kind():
    for registry in (BLOCKS, OPERATORS, EXCITATIONS):
        for kind, spec in registry.specs.items():
            assert not spec.built_in or f"`{kind}`" in DOCS, kind


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_that_a_page_names_exist(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([\w/.-]+)\)", text):
        assert (page.parent / target).exists(), target
    for target in re.findall(r"(?:`|python )(tests/[\w/]+\.py)", text):
        assert (ROOT / target).exists(), target


def test_the_readme_leads_to_every_page():
    for page in PAGES[1:]:
        assert f"](docs/{page.name})" in README, page


def test_the_score_that_is_shown_runs(tmp_path):
    (tmp_path / "my_scores.py").write_text(blocks("python", page("searching"))[0])
    user_blocks.load(tmp_path / "my_scores.py")
    assert scores.evaluate("blocks", genotype.load(content.find("ir-csn-50", "models"))) == 16


def test_the_pages_name_every_score_and_sampler():
    known = [name for name, score in scores.SCORES.items() if score.built_in]
    for name in (*known, *BUILT_IN):
        assert f"`{name}`" in DOCS, name

"""What docs/cluster.md and its examples say is there: options, fields of the recipe, files that parse."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from nas.cluster_settings import ClusterSettings

DOCS = Path(__file__).parents[2] / "docs"
TEXTS = [DOCS / "cluster.md", DOCS / "cluster" / "aws.yaml", DOCS / "cluster" / "slurm.sh"]


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_commands_have_the_options_that_are_told(path, nas):
    told = path.read_text().replace("\\\n", " ")
    known = {name: nas(name, "--help")[1] for name in ("search", "retrain")}
    for name, rest in re.findall(r"\bnas (search|retrain)\b([^\n`|]*)", told):
        for option in re.findall(r"--[a-z-]+", rest):
            assert option in known[name], f"nas {name} has no {option}"


def test_the_recipe_has_the_fields_that_are_told():
    block = re.search(r"```yaml\n(cluster:.*?)```", (DOCS / "cluster.md").read_text(), re.DOTALL)[1]
    for text in (block, block.replace("# packs: build", "packs: build").replace("  packs: copy ", "# ")):
        ClusterSettings.model_validate(yaml.safe_load(text)["cluster"])


def test_examples_parse_and_say_that_they_were_not_run():
    for path in TEXTS[1:]:
        assert "EXAMPLE, NOT RUN" in path.read_text()
    assert yaml.safe_load(TEXTS[1].read_text())["head_node_type"] == "head"
    subprocess.run(["bash", "-n", TEXTS[2]], check=True)

"""Both ways to install find their content: a wheel somewhere else, and this editable checkout."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def nas(folder, *arguments, **environment):
    """The command line in an empty folder."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "nas", *arguments],
        cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The folder of an installed wheel."""
    built, installed = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", built, ROOT], check=True)
    subprocess.run([*pip, "install", "--no-deps", "--target", installed, next(built.glob("*.whl"))], check=True)
    return installed


def test_a_wheel_ships_its_content(wheel, tmp_path):
    assert json.loads(nas(tmp_path, "show", "ir-csn-50", "--json", PYTHONPATH=str(wheel)))["params"] == 13131152
    assert "records" in nas(tmp_path, "check", "csn", "--samples", "20", PYTHONPATH=str(wheel))
    code = (
        "from nas import content, recipe; print(content.__file__, recipe.load(content.find('k400', 'studies')).budget)"
    )
    out = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert out.split() == [str(wheel / "nas" / "content.py"), "35gflops"]


def test_a_wheel_holds_content_and_no_results(wheel):
    shipped = {str(path.relative_to(wheel / "nas" / "content")) for path in (wheel / "nas" / "content").rglob("*.*")}
    assert {"space/csn.yaml", "models/ir-csn-50.yaml", "studies/motion/study.yaml"} <= shipped
    assert [name for name in shipped if not name.endswith(".yaml")] == ["studies/tiny/table.parquet"]
    assert (wheel / "nas" / "dashboard" / "client" / "page.html").exists()
    assert {"dashboards/default.yaml", "dashboards/pareto.yaml"} <= shipped


def test_an_editable_install_finds_the_repository(tmp_path):
    assert json.loads(nas(tmp_path, "show", "ir-csn-50", "--json"))["params"] == 13131152
    assert "decisions" in nas(tmp_path, "show", "csn")


def test_content_folders_hold_no_python():
    for folder in ("space", "models", "studies", "dashboards"):
        assert not list((ROOT / folder).rglob("*.py"))

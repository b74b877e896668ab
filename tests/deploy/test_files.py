"""The files of deploy/ are well-formed, and name what the project has."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
DASHBOARDS = sorted((DEPLOY / "grafana" / "dashboards").glob("*.json"))
MANIFESTS = sorted(
    path for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml"
)
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
OWN_VARIABLE = re.compile(r"\b(PAYGATE_[A-Z_]+|DATABASE_URL|BROKER_URL)\b")


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """A command's outcome and everything it said."""
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


def program(name: str) -> Path:
    """A program of the virtual environment."""
    return Path(sys.executable).parent / name


def lost(written: Any, understood: Any, where: str = "") -> list[str]:
    """What of a document is missing or different in the form a model gave back."""
    if isinstance(written, dict):
        return [
            line
            for name, value in written.items()
            for line in (
                lost(value, understood[name], f"{where}/{name}")
                if name in understood
                else [f"{where}/{name}"]
            )
        ]
    if isinstance(written, list):
        pairs = zip(written, understood, strict=True)
        return [line for n, pair in enumerate(pairs) for line in lost(*pair, f"{where}/{n}")]
    return [] if written == understood else [where]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_grafana_understands_every_field_of_a_dashboard(path: Path) -> None:
    written = json.loads(path.read_text())
    understood = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))
    assert lost(written, understood) == []
    assert written["uid"] == path.stem
    ids = [panel["id"] for panel in written["panels"]]
    assert len(ids) == len(set(ids)) >= 10


def test_a_misspelt_field_is_noticed() -> None:
    written = json.loads(DASHBOARDS[0].read_text())
    written["panels"][0]["gridPoss"] = written["panels"][0].pop("gridPos")
    understood = json.loads(JSONEncoder().encode(Dashboard.from_json(written)))
    assert lost(written, understood) == ["/panels/0/gridPoss"]


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_kubernetes_takes_every_manifest(path: Path) -> None:
    result = run(program("kubernetes-validate"), "--strict", path)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_kustomization_names_every_manifest() -> None:
    kustomization = yaml.safe_load((DEPLOY / "kubernetes" / "kustomization.yaml").read_text())
    assert sorted(kustomization["resources"]) == [path.name for path in MANIFESTS]


def test_the_dockerfile_is_clean_and_copies_every_application() -> None:
    result = run(program("hadolint"), DEPLOY / "Dockerfile")
    assert result.returncode == 0, result.stdout
    text = (DEPLOY / "Dockerfile").read_text()
    kept = (ROOT / ".dockerignore").read_text()
    own = [name for name in settings.INSTALLED_APPS if (ROOT / name.partition(".")[0]).is_dir()]
    for folder in {name.partition(".")[0] for name in own} | {"paygate_site", "templates"}:
        assert f"COPY {folder} {folder}\n" in text
        assert f"!{folder}\n" in kept


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")
@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_systemd_takes_every_unit(path: Path, tmp_path: Path) -> None:
    """With programs that exist here: where the portal will be installed there is nothing yet."""
    unit = path.read_text()
    assert unit.count("/opt/paygate/portal/.venv/bin/") == 1
    here = unit.replace("/opt/paygate/portal/.venv/bin/", f"{Path(sys.executable).parent}/")
    (tmp_path / path.name).write_text(here)
    result = run("systemd-analyze", "verify", "--man=no", tmp_path / path.name)
    assert result.returncode == 0, result.stderr
    assert path.name not in result.stderr


def test_every_process_of_the_portal_is_started_everywhere() -> None:
    """As docs/production.md says: web, worker and beat, after migrate and bootstrap."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    kubernetes = {
        document["metadata"]["name"]
        for path in MANIFESTS
        for document in yaml.safe_load_all(path.read_text())
        if document["kind"] in ("Deployment", "Job", "StatefulSet")
    }
    wanted = {"web", "worker", "beat", "migrate", "postgres", "valkey"}
    assert set(compose) == kubernetes == wanted
    units = {path.name for path in UNITS}
    assert units == {"paygate-web@.service", "paygate-worker.service", "paygate-beat.service"}


def test_variables_are_documented() -> None:
    """Every variable that deploy/ sets is one of docs/production.md."""
    known = set(OWN_VARIABLE.findall((ROOT / "docs" / "production.md").read_text()))
    files = [
        DEPLOY / "compose.yaml",
        DEPLOY / "environment.example",
        DEPLOY / "kubernetes" / "configuration.yaml",
        *UNITS,
    ]
    used = {name for path in files for name in OWN_VARIABLE.findall(path.read_text())}
    # of compose itself: the tag of the image and the port on the host
    assert used - known == {"PAYGATE_VERSION", "PAYGATE_PORT"}

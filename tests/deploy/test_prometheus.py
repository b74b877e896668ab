"""Rules and dashboards, run by a real Prometheus over the portal's own /metrics."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest
import yaml
from django.test import Client

from tests.builders import received, send, settled
from tests.deploy.test_files import DASHBOARDS, DEPLOY, run

RULES = DEPLOY / "prometheus" / "rules.yml"
PATIENCE = 60.0
VARIABLES = {"$network": ".*", "$tool": ".*"}

needs_prometheus = pytest.mark.skipif(
    not (shutil.which("prometheus") and shutil.which("promtool")),
    reason="prometheus is not installed",
)


@needs_prometheus
def test_promtool_takes_the_rules_and_the_scrape(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY / "prometheus", tmp_path, dirs_exist_ok=True)
    config = (tmp_path / "prometheus.yml").read_text()
    token = tmp_path / "token"
    token.write_text("secret")
    (tmp_path / "prometheus.yml").write_text(
        config.replace("/etc/prometheus/paygate-token", str(token))
    )
    result = run("promtool", "check", "config", tmp_path / "prometheus.yml")
    assert result.returncode == 0, result.stdout + result.stderr


@needs_prometheus
def test_alerts_fire_and_end_as_they_should() -> None:
    result = run("promtool", "test", "rules", DEPLOY / "prometheus" / "rules_test.yml")
    assert result.returncode == 0, result.stdout + result.stderr


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def metrics(db: None, client: Client) -> str:
    """What the portal shows after a payment."""
    send(received("p1", "2026-03-10T12:00:00Z"), settled("p1", "2026-03-10T12:00:02Z"))
    return client.get("/metrics").content.decode()


@pytest.fixture
def target(metrics: str) -> Iterator[int]:
    """The portal's text behind a port of its own."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
            self.end_headers()
            self.wfile.write(metrics.encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture
def prometheus(target: int, tmp_path: Path) -> Iterator[str]:
    """A Prometheus that scrapes it and knows our rules; its address."""
    config = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text())
    config["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    config["rule_files"] = [str(RULES)]
    (scrape,) = config["scrape_configs"]
    del scrape["authorization"]
    scrape["static_configs"] = [{"targets": [f"127.0.0.1:{target}"]}]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    process = subprocess.Popen(
        [
            "prometheus",
            f"--config.file={tmp_path}/prometheus.yml",
            f"--storage.tsdb.path={tmp_path}/data",
            f"--web.listen-address=127.0.0.1:{port}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for_scrapes(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def ask(address: str, path: str, **query: str) -> Any:
    """An answer of Prometheus' API."""
    with urlopen(f"{address}/api/v1/{path}?{urlencode(query)}") as answer:  # noqa: S310 - loopback
        return json.load(answer)["data"]


def _wait_for_scrapes(address: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            if ask(address, "query", query='count_over_time(up{job="paygate"}[1m]) >= 3')["result"]:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError("Prometheus has not scraped the portal")


def expressions() -> list[tuple[str, str]]:
    """(panel, expression) of every dashboard, with everything chosen."""
    found = []
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text())["panels"]:
            for query in panel["targets"]:
                text = query["expr"]
                for name, value in VARIABLES.items():
                    text = text.replace(name, value)
                found.append((f"{path.stem}: {panel['title']}", text))
    return found


@needs_prometheus
def test_every_query_of_every_dashboard_runs_on_real_metrics(prometheus: str, metrics: str) -> None:
    names = {line.split("{")[0].split(" ")[0] for line in metrics.splitlines() if line[:1] != "#"}
    declared = {line.split()[2] for line in metrics.splitlines() if line.startswith("# TYPE")}
    known = names | declared | {f"{name}_bucket" for name in declared}
    for panel, expression in expressions():
        ask(prometheus, "query", query=expression)  # 400 when it is none
        selectors = [
            word
            for word in expression.replace("{", " {").replace("(", " ( ").split()
            if word.startswith(("facilitator_", "paygate_", "django_", "process_"))
        ]
        assert selectors, panel
        for word in selectors:
            name = word.split("[")[0].rstrip(")")
            assert name in known or name.removesuffix("_sum") in known, (panel, name)


@needs_prometheus
def test_every_rule_is_evaluated_without_error(prometheus: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        rules = [rule for group in ask(prometheus, "rules")["groups"] for rule in group["rules"]]
        if all(rule["health"] != "unknown" for rule in rules):
            break
        time.sleep(0.2)
    assert len(rules) >= 20
    assert [rule["name"] for rule in rules if rule["health"] != "ok"] == []

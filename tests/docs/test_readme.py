"""The README's snippets, run in their order against a web server of our own."""

import json
import shutil
import subprocess
import sys
from typing import Any

import pytest

from billing.models import Payment
from tests.docs.documents import blocks
from tests.docs.shells import run, shell

README = "README.md"


def snippets(language: str) -> list[str]:
    """The README's blocks of a language that talk to the portal."""
    return [text for kind, text in blocks(README) if kind == language and "PORTAL" in text]


def answers() -> list[Any]:
    """The README's blocks of JSON."""
    return [json.loads(text) for kind, text in blocks(README) if kind == "json"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
def test_an_event_is_sent_and_its_figure_read_back(session: dict[str, str]) -> None:
    exports, send, read, *_ = snippets("sh")
    receipt, figures, *_ = answers()
    assert [line.partition("=")[0] for line in exports.splitlines()] == [
        "export PORTAL",
        "export TOKEN",
    ]
    fixed = send.replace("NOW=$(date +%s)000", "")
    now = {"NOW": subprocess.check_output(["date", "+%s000"], text=True).strip()}
    assert shell(fixed, session | now) == receipt
    again = shell(fixed, session | now)
    assert (again["accepted"], again["duplicate"]) == (0, 1)
    assert shell(read, session) == figures
    assert list(shell(read, session)) == list(figures)


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
def test_the_snippet_that_sends_runs_as_it_stands(session: dict[str, str]) -> None:
    assert shell(snippets("sh")[1], session)["accepted"] == 1
    assert Payment.objects.get().status == "settled"


@pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")
def test_a_source_gets_its_secret_and_signs(session: dict[str, str]) -> None:
    made = shell(snippets("sh")[3], session)
    assert (made["slug"], made["has_signing_secret"]) == ("shop", True)
    (signed,) = snippets("python")
    secret = session | {"SECRET": "change-me"}
    assert run([sys.executable, "-c", signed], secret)["accepted"] == 1
    payment = Payment.objects.select_related("source").get()
    assert (payment.source.slug, payment.status) == ("shop", "verified")


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("openssl") is None,
    reason="this machine has no curl or no openssl",
)
def test_a_gateway_delivers_and_its_scripts_ask_the_portal(session: dict[str, str]) -> None:
    make, send, read = snippets("sh")[4:]
    receipt, ranking = answers()[2:]
    given = session | {"SECRET": "change-me", "ADMIN_KEY": "the-admin-key"}
    made = shell(make, session)
    assert (made["slug"], made["kind"], made["has_admin_key"]) == ("mcp", "paygate", True)
    assert shell(send, given) == receipt
    answer = shell(read, given)
    assert list(answer) == [*ranking, "generatedAt"]
    assert {name: answer[name] for name in ranking} == ranking

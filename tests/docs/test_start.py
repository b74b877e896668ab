"""The five-minute start, typed as it stands."""

import shutil

import pytest

from tests.builders import received, send, settled
from tests.docs.documents import blocks
from tests.docs.shells import output

PAGE = "docs/start.md"

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="this machine has no curl")


def questions() -> list[str]:
    """The page's snippets that ask the portal."""
    return [text for kind, text in blocks(PAGE) if kind == "sh" and "curl" in text]


@needs_curl
def test_every_question_is_answered(session: dict[str, str]) -> None:
    send(received("p1", "2026-03-10T12:00:00Z"), settled("p1", "2026-03-10T12:00:02Z"))
    revenue, payments, daily = [output(text, session) for text in questions()]
    assert revenue.startswith('{"totalRevenue":')
    assert '"payment_id":"p1"' in payments
    assert daily.splitlines()[0].startswith("date,payments,volume,fees")
    assert len(daily.splitlines()) == 1 + 7

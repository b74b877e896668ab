"""Events leave as they came, and come in again without counting twice."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.ingest.door import receive
from billing.models import Event, EventConflict, Payment, RejectedEvent, RevenueRecord, Source
from tests.builders import ask, earned, failed, paid, received, refunded, send, settled

pytestmark = pytest.mark.django_db
AT = "2026-01-10T10:00:00Z"
ODD = """{ "type":"payment:received",
  "data": {"paymentId":"odd", "timestamp":"%s", "resource":"é😀"} }"""


def command(*arguments: str) -> str:
    out = StringIO()
    call_command("events", *arguments, stdout=out)
    return out.getvalue()


def facts(slug: str) -> dict[str, Any]:
    """What a source says of itself, without when it was received."""
    mine = {"source__slug": slug}
    return {
        "bodies": sorted(Event.objects.filter(**mine).values_list("body", flat=True)),
        "payments": list(
            Payment.objects.filter(**mine)
            .order_by("payment_id")
            .values_list("payment_id", "status", "amount", "fee", "started_at", "settled_at")
        ),
        "revenue": sorted(
            map(str, RevenueRecord.objects.filter(**mine).values_list("kind", "amount", "at"))
        ),
        "report": ask("revenue-breakdown", as_of="2026-02-01T00:00:00Z", source=slug),
    }


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """The file of a source with some of everything."""
    send(received("a", AT), settled("a", AT), paid("b", AT, fee="0.25"), failed("c", AT))
    send(refunded("b", AT), earned("r1", AT, "premium", "3.5"))
    receive([(ODD % AT).encode()], Source.objects.get(slug="default"))
    command("export", "default", "--into", str(tmp_path / "events.jsonl"))
    return tmp_path / "events.jsonl"


def test_another_portal_gets_the_same_facts(history: Path) -> None:
    Source.objects.create(slug="copy", kind="facilitator")
    said = command("import", "copy", str(history))
    count = Event.objects.filter(source__slug="default").count()
    assert said == f"{count} events: {count} accepted, 0 duplicate, 0 conflict, 0 rejected\n"
    assert facts("copy") == facts("default")
    assert [p[0] for p in facts("copy")["payments"]] == ["a", "b", "c", "odd"]
    assert ODD % AT in facts("copy")["bodies"]


def test_a_second_time_changes_nothing(history: Path) -> None:
    before = facts("default")
    count = Event.objects.count()
    for _ in range(2):
        said = command("import", "default", str(history))
        assert said == f"{count} events: 0 accepted, {count} duplicate, 0 conflict, 0 rejected\n"
    assert facts("default") == before
    assert not EventConflict.objects.exists()
    assert not RejectedEvent.objects.exists()


def test_what_came_later_can_be_had_alone(history: Path) -> None:
    newest = Event.objects.latest("pk").pk
    send(received("later", AT))
    out = command("export", "default", "--since", str(newest)).splitlines()
    assert len(out) == 3
    assert json.loads(json.loads(out[1])["body"])["data"]["paymentId"] == "later"
    assert json.loads(out[2])["events"] == 1


def cut(text: str) -> str:
    return text[: len(text) // 2]


def without_a_line(text: str) -> str:
    first, _second, *rest = text.splitlines(keepends=True)
    return "".join([first, *rest])


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (cut, "a line is no JSON|was cut or changed"),
        (without_a_line, "was cut or changed"),
        (lambda text: text.replace("0.25", "0.26"), "was cut or changed"),
        (lambda text: text.replace("paygate-events-1", "paygate-events-9"), "is no paygate-events"),
        (lambda _text: "", "was cut or changed"),
        (lambda _text: "[1]\n", "no JSON object"),
    ],
)
def test_nothing_is_taken_from_a_file_that_is_not_whole(
    history: Path, spoil: Any, why: str
) -> None:
    Source.objects.create(slug="copy", kind="facilitator")
    history.write_text(spoil(history.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(CommandError, match=why):
        command("import", "copy", str(history))
    assert not Event.objects.filter(source__slug="copy").exists()


def test_wrong_names_are_told(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="there is no source nobody"):
        command("export", "nobody")
    with pytest.raises(CommandError, match="No such file"):
        command("import", "default", str(tmp_path / "none"))

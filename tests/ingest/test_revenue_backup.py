"""The money book leaves and comes back the same, and nothing in it is counted twice."""

import hashlib
import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.models import Event, EventConflict, RejectedEvent, RevenueRecord, Source
from tests.builders import ask, earned, paid, received, refunded, reversed_, send, settled
from tests.conftest import reset_database

JAN, FEB = "2026-01-10T10:00:00Z", "2026-02-10T10:00:00Z"
GAS = {"gasUsed": "21000", "effectiveGasPrice": "1000000000", "nativeUsdPrice": "2000"}


def command(name: str, *arguments: str) -> list[str]:
    out = StringIO()
    call_command(name, *arguments, stdout=out, stderr=out)
    return out.getvalue().splitlines()


def book(source: str = "default") -> list[tuple[Any, ...]]:
    """Everything the book says of a source, but for numbers of rows."""
    names = ("kind", "is_projection", "event_id", "payment_id", "batch_id", "network_id", "asset")
    rows = RevenueRecord.objects.filter(source__slug=source)
    return sorted(rows.values_list(*names, "amount", "amount_usd", "at"), key=repr)


def figures() -> Any:
    return ask("revenue-breakdown", as_of="2026-03-01T00:00:00Z")


def fill() -> None:
    """Each way into the book: fees 0.01 + 0.25 + 0.5, a premium of 3.5, money given back, gas."""
    send(received("a", JAN), settled("a", JAN, **GAS), paid("b", JAN, fee="0.25"))
    send(paid("feb", FEB, fee="0.5"), earned("r1", JAN, "premium", "3.5"))
    send(refunded("b", JAN, amount="0.75"), reversed_("a", FEB))
    batch = {"batchId": "B", "paymentIds": ["b"], "timestamp": JAN} | GAS
    send({"id": "batch-1", "type": "batch:settled", "data": batch})
    send(earned("r2", FEB, "gas_sponsorship", "0.000001"), source="other")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "revenue.jsonl"


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.mark.usefixtures("committed_db")
def test_an_empty_portal_gets_the_same_book_and_figures(file: Path) -> None:
    fill()
    command("export_revenue", "--into", str(file))
    was, was_other, said = book(), book("other"), figures()
    assert said["total"] == "4.260001"  # 0.76 of fees, 3.5 and 0.000001
    assert {row[0] for row in was} == {"facilitator_fee", "premium", "refund", "reversal", "gas"}
    reset_database()
    Source.objects.create(slug="other", kind="facilitator")
    assert book() == []
    assert command("import_revenue", str(file)) == [
        "9 events: 9 accepted, 0 duplicate, 0 conflict, 0 rejected",
        "9 records: 9 same, 0 different, 0 missing",
    ]
    assert (book(), book("other"), figures()) == (was, was_other, said)


@pytest.mark.django_db
def test_a_second_time_changes_nothing(file: Path) -> None:
    fill()
    command("export_revenue", "--into", str(file))
    was, said, count = book(), figures(), Event.objects.count()
    for _ in range(2):
        assert command("import_revenue", str(file)) == [
            f"{count} events: 0 accepted, {count} duplicate, 0 conflict, 0 rejected",
            "9 records: 9 same, 0 different, 0 missing",
        ]
    assert (book(), figures(), Event.objects.count()) == (was, said, count)
    assert not EventConflict.objects.exists()


@pytest.mark.django_db
def test_it_says_what_each_record_is(file: Path) -> None:
    send(received("a", JAN), settled("a", JAN, fee="0.250"))
    command("export_revenue", "--into", str(file))
    header, first, second, record, end = lines_of(file)
    assert header == {"format": "paygate-revenue-1"}
    assert [json.loads(line["event"])["type"] for line in (first, second)] == [
        "payment:received",
        "payment:settled",
    ]
    assert record["source"] == "default"
    assert record["record"] == {
        "kind": "facilitator_fee",
        "isProjection": True,
        "eventId": None,
        "paymentId": "a",
        "batchId": None,
        "network": "eip155:8453",
        "asset": RevenueRecord.objects.get().asset,
        "amount": "0.25",
        "amountUsd": "0.25",
        "at": "2026-01-10T10:00:00+00:00",
    }
    assert end["lines"] == 3


@pytest.mark.usefixtures("committed_db")
def test_some_days_have_all_that_their_records_need(file: Path) -> None:
    """A batch without a network has its payment's, though that settled in another month."""
    send(paid("feb", FEB, fee="0.5"), paid("other", FEB, fee="7"))
    batch = {"batchId": "B", "paymentIds": ["feb"], "timestamp": JAN} | GAS
    send({"id": "batch-1", "type": "batch:settled", "data": batch})
    command("export_revenue", "--from", "2026-01-01", "--to", "2026-01-31", "--into", str(file))
    (gas,) = [row for row in book() if row[4] == "B"]
    reset_database()
    assert command("import_revenue", str(file))[1] == "1 records: 1 same, 0 different, 0 missing"
    assert gas in book()
    assert gas[5] == "eip155:8453"
    assert "other" not in {row[3] for row in book()}


@pytest.mark.django_db
def test_one_source_and_some_days_alone(file: Path) -> None:
    fill()
    command("export_revenue", "--source", "other", "--into", str(file))
    assert [line["source"] for line in lines_of(file)[1:-1]] == ["other", "other"]
    command("export_revenue", "--from", "2026-02-11", "--into", str(file))
    assert lines_of(file)[-1]["lines"] == 0
    printed = command("export_revenue", "--from", "2026-02-11")
    assert printed == file.read_text(encoding="utf-8").splitlines()


@pytest.mark.django_db
def test_what_the_book_says_otherwise_since_is_told(file: Path) -> None:
    send(received("a", JAN), settled("a", FEB, fee="0.5"))
    command("export_revenue", "--into", str(file))
    send(settled("a", JAN, fee="0.25"))  # an earlier one wins
    was = book()
    assert command("import_revenue", str(file))[1:] == [
        "1 records: 0 same, 1 different, 0 missing",
        "different: default facilitator_fee a",
    ]
    assert book() == was


@pytest.mark.django_db
def test_an_id_that_says_something_else_here_is_told_and_stands(file: Path) -> None:
    send(earned("r1", JAN, "premium", "3.5"))
    command("export_revenue", "--into", str(file))
    text = file.read_text(encoding="utf-8")
    Source.objects.create(slug="copy", kind="facilitator")
    send(earned("r1", JAN, "premium", "4"), source="copy")
    rewrite(file, text.replace('"source": "default"', '"source": "copy"'))
    assert command("import_revenue", str(file)) == [
        "1 events: 0 accepted, 0 duplicate, 1 conflict, 0 rejected",
        "1 records: 0 same, 1 different, 0 missing",
        "different: copy premium r1",
    ]
    assert [str(row[7]) for row in book("copy")] == ["4"]


@pytest.mark.django_db
def test_a_record_that_cannot_come_back_is_an_error(file: Path) -> None:
    send(earned("r1", JAN, "premium", "3.5"))
    command("export_revenue", "--into", str(file))
    Source.objects.create(slug="copy", kind="facilitator")
    text = file.read_text(encoding="utf-8").replace('"source": "default"', '"source": "copy"')
    rewrite(file, text.replace("revenue:recorded", " ").replace("r1", "r2"))
    with pytest.raises(CommandError, match="the book lacks records of the file"):
        command("import_revenue", str(file))
    assert RejectedEvent.objects.get().code == "missing_field"


def rewrite(file: Path, text: str) -> None:
    """With a checksum that fits."""
    *lines, _end = text.splitlines(keepends=True)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    end = json.dumps({"lines": len(lines) - 1, "sha256": digest}) + "\n"
    file.write_text("".join(lines) + end, encoding="utf-8")


Spoil = Callable[[str], str]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda text: text[: len(text) // 2], "a line is no JSON|was cut or changed"),
        (lambda text: "".join(text.splitlines(keepends=True)[:-1]), "was cut or changed"),
        (lambda text: text.replace("3.5", "9.5"), "was cut or changed"),
        (lambda text: text.replace("paygate-revenue-1", "paygate-events-1"), "is no paygate-rev"),
        (lambda _text: "", "was cut or changed"),
    ],
)
def test_nothing_is_taken_from_a_file_that_is_not_whole(file: Path, spoil: Spoil, why: str) -> None:
    send(earned("r1", JAN, "premium", "3.5"))
    command("export_revenue", "--into", str(file))
    rewrite(file, file.read_text(encoding="utf-8").replace("r1", "r2"))
    file.write_text(spoil(file.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(CommandError, match=why):
        command("import_revenue", str(file))
    assert [row[2] for row in book()] == ["r1"]


@pytest.mark.django_db
def test_wrong_names_are_told(file: Path) -> None:
    send(earned("r1", JAN, "premium", "3.5"), source="elsewhere")
    command("export_revenue", "--into", str(file))
    text = file.read_text(encoding="utf-8")
    rewrite(file, text.replace("elsewhere", "nowhere"))
    with pytest.raises(CommandError, match="there is no source nowhere: create it first"):
        command("import_revenue", str(file))
    with pytest.raises(CommandError, match="No such file"):
        command("import_revenue", str(file.with_name("none")))
    with pytest.raises(CommandError, match="there is no source nobody"):
        command("export_revenue", "--source", "nobody")
    with pytest.raises(CommandError, match="--to is before --from"):
        command("export_revenue", "--from", "2026-01-02", "--to", "2026-01-01")

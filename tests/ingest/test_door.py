"""What the door answers, and that nothing vanishes."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.ingest import MalformedBody, quarantine, receive, replay, split
from billing.models import Event, EventConflict, IngestReceipt, Payment, RejectedEvent, Source
from tests.ingest.events import NOW, event, failed, payment, post, received, settled

pytestmark = pytest.mark.django_db


def outcomes(*events: object) -> list[str]:
    return [result["status"] for result in post(*events).results]


def test_the_same_event_again_is_a_duplicate_and_changes_nothing() -> None:
    assert outcomes(received("p"), settled("p")) == ["accepted", "accepted"]
    before = list(Payment.objects.values())
    assert outcomes(settled("p"), received("p")) == ["duplicate", "duplicate"]
    assert list(Payment.objects.values()) == before


def test_duplicates_within_one_request_are_seen() -> None:
    assert outcomes(settled("p"), settled("p"), settled("p")) == [
        "accepted",
        "duplicate",
        "duplicate",
    ]
    assert Event.objects.count() == 1


def test_member_order_and_spaces_do_not_make_another_event() -> None:
    source = Source.objects.get(slug="default")
    one = f'{{"type":"payment:settled","data":{{"paymentId":"p","fee":1.50,"timestamp":{NOW}}}}}'
    two = f'{{"data" : {{"timestamp":{NOW},"fee":1.50,"paymentId":"p"}},"type":"payment:settled"}}'
    other_number = one.replace("1.50", "1.5")
    results = receive([one.encode(), two.encode(), other_number.encode()], source).results
    assert [r["status"] for r in results] == ["accepted", "duplicate", "accepted"]


def test_same_id_other_body_is_a_conflict_the_first_stands_and_both_are_kept() -> None:
    assert outcomes(settled("p", id="e1", fee="0.03")) == ["accepted"]
    assert outcomes(settled("p", id="e1", fee="9")) == ["conflict"]
    assert outcomes(settled("p", id="e1", fee="9")) == ["conflict"]
    assert str(payment("p").fee) == "0.03"
    assert json.loads(EventConflict.objects.get().body)["data"]["fee"] == "9"


def test_unknown_types_and_fields_are_kept() -> None:
    assert outcomes({"type": "batch:created", "data": {"batchId": "b"}}) == ["accepted"]
    assert outcomes(received("p", note="kept")) == ["accepted"]
    assert '"note": "kept"' in Event.objects.get(payment_id="p").body


BAD = [
    (5, "not_an_object"),
    ({}, "missing_field"),
    ({"type": 7.5, "data": {}}, "wrong_type"),
    ({"type": 7}, "wrong_type"),
    (event("batch:settled", batchId="b", paymentIds=["p"] * 10_001), "too_long"),
    ({"type": "payment:settled"}, "missing_field"),
    ({"type": "payment:settled", "data": []}, "missing_field"),
    (event("payment:settled", fee="1"), "missing_field"),
    ({"type": "payment:settled", "data": {"paymentId": "p"}}, "missing_field"),
    (settled("unknown"), "missing_field"),
    (settled(""), "missing_field"),
    (settled("p", fee="-1"), "negative_number"),
    (settled("p", fee="NaN"), "bad_number"),
    (settled("p", fee="1e999999999"), "bad_number"),
    (settled("p", fee="1e999"), "number_out_of_range"),
    (settled("p", fee="1,5"), "bad_number"),
    (settled("p", fee=True), "bad_number"),
    (settled("p", fee={}), "bad_number"),
    (settled("p", fee="\u0661"), "bad_number"),
    (settled("p", gasUsed="1.5"), "bad_number"),
    (settled("p" * 257), "too_long"),
    (settled("p", network="n" * 65), "too_long"),
    (settled("p\x1f"), "hostile_text"),
    (settled("p\0"), "hostile_text"),
    (settled("p", at=10 * 86_400_000), "future_timestamp"),
    (event("payment:settled", "p", timestamp=NOW // 1000), "bad_timestamp"),
    (event("payment:settled", "p", timestamp="yesterday"), "bad_timestamp"),
    (event("payment:settled", "p", timestamp=1e300), "number_out_of_range"),
    (settled("p", settlementTime=1e80), "number_out_of_range"),
    (settled("p", validBefore="0001-01-01T00:00:00+14:00"), "bad_timestamp"),
    (settled("p", blockTimestamp="9999-12-31T23:59:59-01:00"), "bad_timestamp"),
    (received("p", kind="gift"), "unknown_kind"),
    (event("revenue:recorded", kind="premium", amount="1"), "id_required"),
    (event("revenue:recorded", kind="premium", id="x"), "missing_field"),
    (event("revenue:recorded", kind="refund", amount="1", id="x"), "unknown_kind"),
    (event("batch:settled"), "missing_field"),
    (event("batch:settled", batchId="b", paymentIds="p"), "wrong_type"),
    (settled("p", source="other"), "foreign_source"),
]


@pytest.mark.parametrize(("bad", "code"), BAD)
def test_bad_events_are_kept_in_quarantine_with_a_stable_code(bad: object, code: str) -> None:
    receipt = post(bad, settled("good"))
    assert (receipt.rejected, receipt.accepted) == (1, 1)
    assert receipt.results[0]["code"] == code
    kept = RejectedEvent.objects.get()
    assert (kept.code, json.loads(kept.text())) == (code, bad)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b'{"type":"x","data":{"a":"\\u0000"}}', "hostile_text"),
        (b'{"type":"x","data":{"a":"\\ud800"}}', "malformed_json"),
        (b'{"type":"x","data":{"a":"\\udc00"}}', "malformed_json"),
        (b'{"type":"x","data":"\xff"}', "malformed_json"),
        (b'{"type":"x","data":' + b"[" * 40 + b"]" * 40 + b"}", "too_deep"),
        (b'{"type":"x","data":' + b"[" * 5000 + b"]" * 5000 + b"}", "too_deep"),
        (b'{"type":"x","data":{"a":NaN}}', "malformed_json"),
        (b"{", "malformed_json"),
    ],
)
def test_hostile_bytes_are_quarantined_verbatim(raw: bytes, code: str) -> None:
    receipt = receive([raw], Source.objects.get(slug="default"))
    assert receipt.results[0]["code"] == code
    assert bytes(RejectedEvent.objects.get().body) == raw


@pytest.mark.parametrize(
    "bad",
    [b'{"type":"x","data":NaN}', b'{"type":"\\ud800"}', b'{"type":"\xff"}', b'{"type":"a\nb"}'],
)
@pytest.mark.parametrize("form", [b"[%s, %s ,%s]", b'{"events" :[%s,%s,%s ] }'])
def test_one_event_that_is_not_json_does_not_refuse_the_others(form: bytes, bad: bytes) -> None:
    good = [json.dumps(settled(p)).encode() for p in ("p", "q")]
    receipt = receive(split(form % (good[0], bad, good[1])), Source.objects.get(slug="default"))
    assert [r["status"] for r in receipt.results] == ["accepted", "rejected", "accepted"]
    assert bytes(RejectedEvent.objects.get().body) == bad


@pytest.mark.parametrize(
    "body", [b"[NaN", b"[NaN] x", b"[NaN}", b'{"events":[NaN]', b"{NaN}", b"[NaN,]", b"[NaN NaN]"]
)
def test_what_cannot_be_cut_is_refused_whole(body: bytes) -> None:
    with pytest.raises(MalformedBody):
        split(body)


def test_the_same_rubbish_again_is_counted_not_stored_again() -> None:
    post({"bad": 1}, {"bad": 1})
    post({"bad": 1})
    assert RejectedEvent.objects.get().times_seen == 3


def test_every_event_sent_is_in_the_receipt() -> None:
    post(received("p"), received("p"), 5)
    post(received("p", id="i"), received("p", id="i", amount="11"))
    totals = [
        (r.accepted, r.duplicate, r.conflict, r.rejected)
        for r in IngestReceipt.objects.order_by("id")
    ]
    assert totals == [(1, 1, 0, 1), (1, 0, 1, 0)]


def test_replay_takes_a_quarantined_event_in_once_it_can_be_understood() -> None:
    post(settled("p", source="later"))
    rejected = RejectedEvent.objects.get()
    assert replay(rejected).rejected == 1
    source = Source.objects.get(slug="default")
    Source.objects.filter(pk=source.pk).update(slug="later")
    rejected.refresh_from_db()
    assert replay(rejected).accepted == 1
    rejected.refresh_from_db()
    assert (rejected.status, rejected.resolution) == ("replayed", "accepted")
    assert payment("p").status == "settled"


def test_replay_takes_in_an_event_whose_source_was_created_since() -> None:
    post(settled("p", source="later"), any_source=True)
    Source.objects.create(slug="later")
    assert replay(RejectedEvent.objects.get()).accepted == 1
    assert payment("p").source.slug == "later"


def test_events_of_missing_sources_cost_one_look_at_each() -> None:
    with CaptureQueriesContext(connection) as queries:
        post(*[settled(f"p{n}", source="nobody") for n in range(50)], any_source=True)
    assert len(queries) < 10


def test_long_reasons_are_read_in_no_time() -> None:
    for reason in ("a", "insufficient_", "unexpected_", "http:/", "://"):
        post(failed(f"p{reason}", error=reason * (400_000 // len(reason))))
    assert Payment.objects.filter(status="failed").count() == 5


def test_an_admin_may_name_sources_in_the_envelope() -> None:
    other = Source.objects.create(slug="other")
    receipt = post(settled("p", source="other"), settled("q", source="nobody"), any_source=True)
    assert receipt.results[1]["code"] == "unknown_source"
    assert payment("p").source == other


def test_a_body_that_cannot_be_cut_is_kept_whole() -> None:
    source = Source.objects.get(slug="default")
    with pytest.raises(MalformedBody):
        split(b'[{"type":')
    quarantine(source, b'[{"type":', "malformed_json", "cut off")
    assert bytes(RejectedEvent.objects.get().body) == b'[{"type":'


@pytest.mark.parametrize(
    ("body", "ndjson", "count"),
    [
        (b'{"type":"x"}', False, 1),
        (b' [{"type":"x"},{"type":"y"}] ', False, 2),
        (b'{"events":[{"type":"x"},{"type":"y"},3]}', False, 3),
        (b'{"type":"x"}\n\n{"type":"y"}\r\nnonsense\n', True, 3),
        (b"[]", False, 0),
        (b'\xef\xbb\xbf{"type":"x"}', False, 1),
        (b'\xef\xbb\xbf{"type":"x"}\n', True, 1),
    ],
)
def test_the_four_forms_of_a_request(body: bytes, ndjson: bool, count: int) -> None:
    assert len(split(body, ndjson)) == count


def test_a_request_costs_a_handful_of_statements_whatever_its_length() -> None:
    def statements(count: int, prefix: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            post(
                *[received(f"{prefix}{n}") for n in range(count)],
                *[settled(f"{prefix}{n}") for n in range(count)],
                *[failed("", error=f"e{prefix}{n}") for n in range(count)],
                5,
            )
        return len(queries)

    assert statements(200, "b") == statements(2, "a") <= 15


def test_numbers_of_any_notation_are_exact() -> None:
    source = Source.objects.get(slug="default")
    raw = (
        '{"type":"payment:settled","data":{"paymentId":"p","fee":1.234567890123456789e-2,'
        f'"amount":12345678901234567890.123456789,"timestamp":{NOW}}}}}'
    )
    receive([raw.encode()], source)
    assert str(payment("p").fee) == "0.01234567890123456789"
    assert str(payment("p").amount) == "12345678901234567890.123456789"

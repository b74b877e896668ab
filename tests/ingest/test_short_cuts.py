"""The short cuts for usual values say exactly what the long way says, of odd and hostile ones too.

The long way is written out here: every field is read, absent or not, each by its plain definition.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.chains import canonical_network
from billing.ingest import values
from billing.ingest.decode import Rejection, decode
from billing.ingest.resources import resource_of
from billing.ingest.understand import PAYMENT_KINDS, understand

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

NUMBERS = [
    *("0", "000", "007", "1.50", "0.0", "-0", "-1", "1e3", "1E-7", "1e999", "NaN", "٣", "²", ""),
    *(" 5 ", "0x1F", "0xzz", "9" * 12, "9" * 13, "10000000000001", "9" * 78, ".5", "5.", "1_000"),
]
MOMENTS = [
    *(NOW_MS, NOW_MS + 1, NOW_MS + 300_000, NOW_MS + 300_001, 1_420_070_400_000, 1_420_070_399_999),
    *(1_790_000_000, 0, -1, True, 1.5e12, "2026-01-01", "2026-01-01T00:00:00+02:00", "tuesday", ""),
    *(f"{NOW_MS}", 2**256 - 1, [], {}),
]
TEXTS = [
    *("0xAa", " padded ", "", " ", "a\x00b", "a\x7fb", "tab\t", "\u2028", "\u00a0x\u00a0", "é"),
    *("x" * 16, "x" * 64, "x" * 65, "x" * 128, "x" * 129, "base"),
    *("Unknown", "eip155:8453", "charge", "tip"),
]  # fmt: skip
OTHER: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 2**70), st.floats(allow_nan=False,
    allow_infinity=False), st.just([]), st.just({}),
)  # fmt: skip
number = st.sampled_from(NUMBERS) | st.integers(0, 10**14) | OTHER
time = st.sampled_from(MOMENTS) | st.integers(NOW_MS - 10**9, NOW_MS + 10**6) | OTHER
words = (
    st.sampled_from(TEXTS) | st.binary(max_size=12).map(lambda raw: raw.decode("latin-1")) | OTHER
)
URLS = ["https://a.example/b?c#d", "/p#q?r", "http://[bad", "/plain", "/new\nline"]

FIELDS = {
    **dict.fromkeys(("payer", "payee", "network", "asset", "feeAsset", "transaction"), words),
    **dict.fromkeys(("scheme", "kind", "toolName"), words),
    **dict.fromkeys(("amount", "amountAtomic", "fee", "gasUsed", "effectiveGasPrice"), number),
    **dict.fromkeys(("l1Fee", "gasCostAtomic", "nativeUsdPrice", "confirmationTime"), number),
    **dict.fromkeys(("verificationTime", "settlementTime"), number),
    **dict.fromkeys(("blockTimestamp", "validBefore", "timestamp"), time),
    "resource": words | st.sampled_from(URLS) | st.fixed_dictionaries({"url": words}),
    "routeTemplate": words | st.sampled_from(["/a/[id]", "/../x", "/a/:id"]),
}


def plain_text(value: Any, field: str, limit: int) -> str | None:
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool):
        value = f"{value}"
    if not isinstance(value, str):
        raise Rejection("wrong_type", f"{field} is not a string")
    if len(value) > limit:
        raise Rejection("too_long", f"{field} is longer than {limit} characters")
    if CONTROL.search(value):
        raise Rejection("hostile_text", f"{field} has control characters")
    return value.strip() or None


def plain_duration(value: Any, field: str) -> str | None:
    token = values.token_of(value, field)
    if token is None:
        return None
    if token.startswith("-") and values.NUMBER.fullmatch(token) and Decimal(token):
        values.decimal_text(token.removeprefix("-"), field)  # refused if out of range
        return None
    plain = values.decimal_text(token, field)
    if plain is not None and Decimal(plain) > values.LONGEST_DURATION:
        raise Rejection("number_out_of_range", f"{field} is too large")
    return plain


def plain_moment(value: Any, field: str) -> str | None:
    if value is None or value == "":
        return None
    instant = values._instant(value, field, milliseconds=True)
    if instant < datetime(2015, 1, 1, tzinfo=UTC):
        raise Rejection("bad_timestamp", f"{field} is before 2015: are these milliseconds?")
    if instant > NOW + timedelta(minutes=5):
        raise Rejection("future_timestamp", f"{field} is more than 5 minutes in the future")
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def plain_network(value: Any) -> str | None:
    named = plain_text(value, "network", 64)
    return canonical_network(named) if named and named.lower() != "unknown" else None


def plain_kind(value: Any) -> str | None:
    kind = plain_text(value, "kind", 16)
    if kind is not None and kind not in PAYMENT_KINDS:
        raise Rejection("unknown_kind", f"kind {kind} is none of {sorted(PAYMENT_KINDS)}")
    return kind


def plain_stage(data: dict[str, Any], duration: str) -> list[str | None]:
    at = plain_moment(data.get("timestamp"), "timestamp")
    if at is None:
        raise Rejection("missing_field", "timestamp is missing")
    amount = values.decimal_text(data.get("amount"), "amount")
    atomic = values.integer_text(data.get("amountAtomic"), "amountAtomic")
    return [
        at,
        "e",
        plain_text(data.get("payer"), "payer", 128),
        plain_text(data.get("payee"), "payee", 128),
        plain_network(data.get("network")),
        plain_text(data.get("asset"), "asset", 128),
        amount,
        atomic,
        values.decimal_text(data.get("fee"), "fee"),
        plain_text(data.get("feeAsset"), "feeAsset", 128),
        plain_text(data.get("transaction"), "transaction", 128),
        plain_text(data.get("scheme"), "scheme", 64),
        plain_kind(data.get("kind")),
        resource_of(data | {"toolName": data.get("toolName")}),  # never by the short cut
        plain_duration(data.get(duration), duration),
        values.integer_text(data.get("gasUsed"), "gasUsed"),
        values.integer_text(data.get("effectiveGasPrice"), "effectiveGasPrice"),
        values.integer_text(data.get("l1Fee"), "l1Fee"),
        values.integer_text(data.get("gasCostAtomic"), "gasCostAtomic"),
        values.decimal_text(data.get("nativeUsdPrice"), "nativeUsdPrice"),
        values.chain_moment(data.get("blockTimestamp"), "blockTimestamp"),
        plain_duration(data.get("confirmationTime"), "confirmationTime"),
        values.deadline(data.get("validBefore"), "validBefore"),
        *(None, None, None),
    ]


def said(work: Any) -> Any:
    """What came of it: the result, or the refusal's code and sentence."""
    try:
        return work()
    except Rejection as refusal:
        return refusal.code, refusal.detail


USUAL = {
    "timestamp": NOW_MS,
    "payer": "0xAa",
    "payee": "0xBb",
    "network": "base",
    "amount": "1.5",
    "fee": "0.03",
    "settlementTime": 900,
    "transaction": "0xT",
    "resource": "/a",
}
one_odd_field = st.sampled_from(sorted(FIELDS)).flatmap(
    lambda name: st.tuples(st.just(name), FIELDS[name])
)
DURATIONS = {"payment:verified": "verificationTime"}


@given(
    odd=st.lists(one_odd_field, max_size=3),
    kind=st.sampled_from(
        ["payment:received", "payment:verified", "payment:settled", "payment:reversed"]
    ),
)
def test_events_are_understood_as_by_the_long_way(odd: list[tuple[str, Any]], kind: str) -> None:
    data = USUAL | dict(odd)
    raw = json.dumps({"id": "e", "type": kind, "data": data | {"paymentId": "p"}}).encode()
    duration = DURATIONS.get(kind, "settlementTime")
    assert said(lambda: understand(raw, NOW).stage) == said(
        lambda: plain_stage(decode(raw)["data"], duration)
    )


@pytest.mark.parametrize("token", NUMBERS)
def test_durations_are_read_as_by_the_long_way(token: str) -> None:
    assert said(lambda: values.duration_text(token, "f")) == said(
        lambda: plain_duration(token, "f")
    )

"""Everything a producer gets wrong: each line must be refused, and none may harm the others."""

import json
import random
from typing import Any

TIMESTAMP = 1_790_000_000_000


def _line(kind: str, /, without: tuple[str, ...] = (), **data: Any) -> bytes:
    content = {"paymentId": "broken", "timestamp": TIMESTAMP, "amount": "1"} | data
    kept = {name: value for name, value in content.items() if name not in without}
    return json.dumps({"type": kind, "data": kept}).encode()


RECEIVED, SETTLED, BATCH, REVENUE = (
    "payment:received",
    "payment:settled",
    "batch:settled",
    "revenue:recorded",
)
# Not JSON: only a line of NDJSON can be so without spoiling the request.
NOT_JSON = (
    b'{"type":"payment:settled","data":{"paymentId":"cut',
    b'{"type":"payment:received","data":{"paymentId":"n","timestamp":1790000000000,"amount":NaN}}',
    b"{'type': 'payment:settled'}",
    b'{"type":"payment:settled","data":{}} {}',
    b'{"type":"payment:received","data":{"paymentId":"\xff\xfe"}}',
    b"hello",
    _line(SETTLED, note="\ud800"),  # half a character: such an array is refused as a whole
)
NOT_AN_EVENT = (
    b"[1, 2, 3]",
    b'"payment:settled"',
    b"42",
    b"null",
    b"{}",
    b'{"data":{"paymentId":"x","timestamp":1790000000000}}',
    b'{"type":["payment:settled"],"data":{"paymentId":"x","timestamp":1790000000000}}',
    b'{"type":"payment:settled"}',
    b'{"type":"payment:settled","data":[]}',
    b'{"type":"payment:settled","data":"paymentId"}',
    b'{"type":"payment:settled","data":null}',
)
BAD_FIELDS = (
    _line(RECEIVED, without=("paymentId",)),
    _line(RECEIVED, paymentId=""),
    _line(SETTLED, paymentId="unknown"),
    _line(SETTLED, paymentId=["p"]),
    _line(SETTLED, paymentId="p" * 300),
    _line(SETTLED, paymentId="p\u0007"),
    _line(SETTLED, paymentId="p\u0000"),
    _line(RECEIVED, amount="-1"),
    _line(RECEIVED, amount=-0.5),
    _line(RECEIVED, amount="NaN"),
    _line(RECEIVED, amount="Infinity"),
    _line(RECEIVED, amount="1,50"),
    _line(RECEIVED, amount="one"),
    _line(RECEIVED, amount=True),
    _line(RECEIVED, amount={"value": "1"}),
    _line(RECEIVED, amount="1e999"),
    _line(RECEIVED, amountAtomic="1.5"),
    _line(RECEIVED, payer=["0xabc"]),
    _line(RECEIVED, payer="x" * 200),
    _line(RECEIVED, network="n" * 100),
    _line(RECEIVED, kind="gift"),
    _line(SETTLED, fee="-0.01"),
    _line(SETTLED, gasUsed="many"),
    _line(SETTLED, without=("timestamp",)),
    _line(SETTLED, timestamp="yesterday"),
    _line(SETTLED, timestamp=1_790_000_000),  # seconds
    _line(SETTLED, timestamp=4_102_444_800_000),  # the year 2100
    _line(SETTLED, timestamp=-1),
    _line(SETTLED, timestamp=True),
    _line(REVENUE, kind="premium"),  # without an id
    _line(BATCH),
    _line(BATCH, batchId="b", paymentIds="p1,p2"),
    json.dumps({"id": "i" * 300, "type": SETTLED, "data": {"paymentId": "x"}}).encode(),
    b'{"id":"r1","type":"revenue:recorded","data":{"kind":"tip","amount":"1","timestamp":%d}}'
    % TIMESTAMP,
    b'{"id":"r2","type":"revenue:recorded","data":{"kind":"premium","timestamp":%d}}' % TIMESTAMP,
    b'{"type":"payment:settled","data":{"paymentId":"deep","timestamp":%d,"x":%s}}'
    % (TIMESTAMP, b"[" * 60 + b"]" * 60),
)
IS_JSON = NOT_AN_EVENT + BAD_FIELDS


def malformed(rng: random.Random) -> bytes:
    """One line that must be refused."""
    return rng.choice(NOT_JSON if rng.random() < 0.15 else IS_JSON)

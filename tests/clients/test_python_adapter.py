"""The Python adapter with the real x402 SDK, over real HTTP, through a real file."""

import asyncio
import base64
import hashlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from paygate_x402 import PayGate
from paygate_x402.payments import facts, payment_id, wire
from x402 import x402Facilitator, x402FacilitatorSync
from x402.schemas import SettleResponse

from billing.models import Event, Payment
from tests.api.callers import source, token_of
from tests.clients.conftest import (
    BASE,
    PAYEE,
    PAYER,
    Mechanism,
    Portal,
    payment,
    requirements,
)

ROOT = Path(__file__).resolve().parents[2]
FIELDS = ("status", "transaction", "payee")


def until(true: Callable[[], bool], what: Callable[[], object]) -> None:
    """Wait for at most half a minute."""
    for _ in range(600):
        if true():
            return
        time.sleep(0.05)
    pytest.fail(f"in vain: {what()}")


def delivered(paygate: PayGate) -> None:
    """Wait until nothing waits."""
    until(lambda: paygate.stats().waiting == 0, paygate.stats)


def types(portal: Portal) -> list[str]:
    return [event["type"].removeprefix("payment:") for event in portal.events]


def facilitator(paygate: PayGate, mechanism: Mechanism) -> x402FacilitatorSync:
    """One whose mechanism is registered before, as most are."""
    wired = x402FacilitatorSync()
    wired.register([BASE], mechanism)
    paygate.connect(wired)
    return wired


def test_the_portal_shows_what_a_facilitator_did(
    committed_db: None, live_server: Any, tmp_path: Path
) -> None:
    print("x402", version("x402"))  # noqa: T201 - names what was tested
    token = token_of("", can_ingest=True, source=source())
    paygate = PayGate(live_server.url, token, outbox=tmp_path / "outbox.db")
    answers: list[str | Exception] = ["", "settlement_pending", "", "transaction_failed"]
    mechanism = Mechanism([*answers, RuntimeError("no route to https://node.example/key-1")])
    wired = x402Facilitator()
    paygate.connect(wired)
    wired.register([BASE], mechanism)  # after connect(), which must hear it too

    async def story() -> None:
        await wired.verify(payment("0x01"), requirements())
        for nonce in ("0x01", "0x02", "0x02", "0x03"):
            await wired.settle(payment(nonce), requirements())
        with pytest.raises(RuntimeError):
            await wired.settle(payment("0x04"), requirements())
        mechanism.valid = False
        await wired.verify(payment("0x05"), requirements())

    asyncio.run(story())
    delivered(paygate)
    paygate.close()
    shown = {
        nonce: Payment.objects.filter(payment_id=payment_id(wire(payment(nonce))))
        .values_list(*FIELDS)
        .get()
        for nonce in ("0x01", "0x02", "0x03", "0x04", "0x05")
    }
    assert shown == {
        "0x01": ("settled", "0xfeed", PAYEE),
        "0x02": ("settled", "0xfeed", PAYEE),
        "0x03": ("failed", "0xfeed", PAYEE),
        "0x04": ("failed", None, PAYEE),
        "0x05": ("failed", None, PAYEE),
    }
    first = Payment.objects.get(payment_id=payment_id(wire(payment("0x01"))))
    assert (first.payer, first.network_id) == (PAYER.lower(), BASE)
    assert first.settled_amount == Decimal("1.5")
    assert first.resource == "https://shop.example/weather"
    assert first.settlement_ms is not None
    # five received, one verified, one pending, two settled, three failed
    assert Event.objects.count() == 12
    assert not Event.objects.filter(body__contains="node.example").exists()


def test_a_portal_that_is_away_loses_nothing_and_order_is_kept(
    portal: Portal, tmp_path: Path
) -> None:
    portal.statuses = [503, 401, 500]
    paygate = PayGate(portal.url, "token", outbox=tmp_path / "outbox.db")
    wired = facilitator(paygate, Mechanism())
    for number in range(3):
        wired.settle(payment(f"0x{number}"), requirements())
    delivered(paygate)
    paygate.close()
    assert types(portal) == ["received", "settled"] * 3
    assert len({event["id"] for event in portal.events}) == 6


def test_a_portal_that_hangs_does_not_hold_a_settlement(portal: Portal, tmp_path: Path) -> None:
    portal.hold.clear()
    paygate = PayGate(portal.url, "token", outbox=tmp_path / "outbox.db")
    wired = facilitator(paygate, Mechanism())
    for number in range(20):
        assert wired.settle(payment(f"0x{number}"), requirements()).success
    assert (paygate.stats().waiting, portal.events) == (40, [])  # all done while it still hangs
    portal.hold.set()
    delivered(paygate)
    paygate.close()


def test_what_does_not_fit_is_counted_across_restarts(portal: Portal, tmp_path: Path) -> None:
    portal.hold.clear()
    paygate = PayGate(portal.url, "token", outbox=tmp_path / "outbox.db", limit=5)
    wired = facilitator(paygate, Mechanism())
    for number in range(4):
        assert wired.settle(payment(f"0x{number}"), requirements()).success
    assert paygate.stats().dropped == 3
    portal.hold.set()
    delivered(paygate)
    paygate.close()
    again = PayGate(portal.url, "token", outbox=tmp_path / "outbox.db", limit=5)
    assert (again.stats().dropped, len(portal.events)) == (3, 5)
    again.close()


def test_a_locked_file_delays_events_and_loses_none(portal: Portal, tmp_path: Path) -> None:
    paygate = PayGate(portal.url, "token", outbox=tmp_path / "outbox.db")
    wired = facilitator(paygate, Mechanism())
    other = sqlite3.connect(tmp_path / "outbox.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    for number in range(3):
        assert wired.settle(payment(f"0x{number}"), requirements()).success
    assert (paygate.stats().waiting, portal.events) == (6, [])
    other.execute("ROLLBACK")
    other.close()
    wired.settle(payment("0x3"), requirements())
    delivered(paygate)
    paygate.close()
    assert types(portal) == ["received", "settled"] * 4


def test_an_event_that_is_never_taken_does_not_hold_the_others(
    portal: Portal, tmp_path: Path
) -> None:
    portal.poison = payment_id(wire(payment("0x2")))
    portal.hold.clear()
    paygate = PayGate(portal.url, "token", outbox=tmp_path / "outbox.db")
    wired = facilitator(paygate, Mechanism())
    for number in range(5):
        wired.settle(payment(f"0x{number}"), requirements())
    portal.hold.set()
    delivered(paygate)
    stats = paygate.stats()
    paygate.close()
    assert (stats.refused, len(portal.events)) == (2, 8)


def test_a_killed_facilitator_tells_everything_after_its_restart(
    portal: Portal, tmp_path: Path
) -> None:
    script = f"""
import os, signal
from paygate_x402 import PayGate
from x402 import x402FacilitatorSync
from tests.clients.conftest import BASE, Mechanism, payment, requirements
wired = x402FacilitatorSync()
PayGate("http://127.0.0.1:9", "token", outbox={str(tmp_path / "o.db")!r}).connect(wired)
wired.register([BASE], Mechanism())
for n in range(10):
    wired.settle(payment(f"0x{{n}}"), requirements())
os.kill(os.getpid(), signal.SIGKILL)
"""
    path = os.pathsep.join([str(ROOT), str(ROOT / "clients" / "python")])
    environment = os.environ | {"PYTHONPATH": path}
    ended = subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    assert ended.returncode == -signal.SIGKILL
    paygate = PayGate(portal.url, "token", outbox=tmp_path / "o.db")
    delivered(paygate)
    paygate.close()
    assert types(portal) == ["received", "settled"] * 10


def test_a_broken_report_never_reaches_the_payment(portal: Portal, tmp_path: Path) -> None:
    paygate = PayGate(portal.url, "token", outbox=tmp_path / "outbox.db")
    wired = facilitator(paygate, Mechanism())
    broken = payment("0x1")
    broken.payload = {"authorization": {"no": "nonce"}}
    assert wired.settle(broken, requirements()).success
    assert wired.settle(payment("0x2"), requirements()).success
    delivered(paygate)
    assert paygate.stats().errors == 2  # of the hooks; the mechanism's answer is not a report
    paygate.close()
    assert types(portal) == ["received", "settled"]


def test_the_signature_of_a_solana_payer_does_not_make_another_payment() -> None:
    message = b"\x80 the same message"
    ids = set()
    for signature in (b"\0" * 64, b"\1" * 64):
        raw = base64.b64encode(b"\1" + signature + message).decode()
        ids.add(payment_id({"accepted": {"network": "solana:x"}, "payload": {"transaction": raw}}))
    assert len(ids) == 1


def test_text_that_a_database_cannot_hold_does_not_cost_the_event(
    committed_db: None, live_server: Any, tmp_path: Path
) -> None:
    token = token_of("", can_ingest=True, source=source())
    paygate = PayGate(live_server.url, token, outbox=tmp_path / "outbox.db")
    hostile = payment("0x1")
    assert hostile.resource is not None
    hostile.resource.url = "https://shop.example/a\0b"
    facilitator(paygate, Mechanism()).settle(hostile, requirements())
    delivered(paygate)
    paygate.close()
    assert Payment.objects.get().status == "settled"
    half = {"payload": {"transaction": "t"}, "network": "x", "resource": "a\ud800b"}
    assert facts(half, {})["resource"] == "a\ufffdb"


def test_a_transaction_that_is_not_ascii_has_an_id() -> None:
    known = {"payload": {"transaction": "é"}, "network": "x"}
    expected = hashlib.sha256("x|é".encode()).hexdigest()[:40]
    assert payment_id(known) == f"x402-{expected}"


def test_any_emitter_is_reported(portal: Portal, tmp_path: Path) -> None:
    class Emitter:
        def __init__(self) -> None:
            self.callbacks: dict[str, Any] = {}

        def on(self, kind: str, callback: Any) -> None:
            self.callbacks[kind] = callback

    emitter = Emitter()
    paygate = PayGate(portal.url, "token", outbox=tmp_path / "outbox.db")
    paygate.attach(emitter)
    emitter.callbacks["payment:received"]({"paymentId": "a", "timestamp": 1})
    data = {"paymentId": "a", "timestamp": 2}
    emitter.callbacks["payment:settled"]({"type": "payment:settled", "data": data})
    delivered(paygate)
    paygate.close()
    assert [(event["type"], event["data"]["timestamp"]) for event in portal.events] == [
        ("payment:received", 1),
        ("payment:settled", 2),
    ]


@pytest.mark.parametrize("page", ["docs/adapter.md", "clients/python/README.md"])
def test_the_documented_lines_wire_a_facilitator(page: str, portal: Portal, tmp_path: Path) -> None:
    (lines,) = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    lines = lines.replace("https://portal.example.org", portal.url)
    lines = lines.replace("/var/lib/facilitator", str(tmp_path))
    wired = x402FacilitatorSync()
    wired.register([BASE], Mechanism())
    names: dict[str, Any] = {"facilitator": wired, "token": "token"}
    exec(lines, names)  # noqa: S102 - our own page
    wired.settle(payment("0x1"), requirements())
    delivered(names["paygate"])
    names["paygate"].close()
    assert types(portal) == ["received", "settled"]


def test_an_upto_payment_may_settle_nothing(
    committed_db: None, live_server: Any, tmp_path: Path
) -> None:
    class Upto(Mechanism):
        def settle(self, payload: Any, requirements: Any, context: Any = None) -> SettleResponse:
            answer = super().settle(payload, requirements, context)
            return answer.model_copy(update={"amount": "0"})

    token = token_of("", can_ingest=True, source=source())
    paygate = PayGate(live_server.url, token, outbox=tmp_path / "outbox.db")
    facilitator(paygate, Upto()).settle(payment("0x1"), requirements())
    delivered(paygate)
    paygate.close()
    (shown,) = Payment.objects.all()
    assert (shown.status, shown.settled_amount) == ("settled", 0)
    assert shown.authorized_amount == Decimal("1.5")

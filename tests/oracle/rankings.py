"""Who paid, who was paid, for what: by amount, then by name."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from tests.oracle.exact import money
from tests.oracle.ledger import Ledger, Scope
from tests.oracle.payments import Payment
from tests.oracle.questions import Question, scope_of
from tests.oracle.statistics import volume

Answer = Any


def _tops(
    scope: Scope, asked: Question, key: Callable[[Payment], tuple[str | None, ...]]
) -> Iterable[tuple[tuple[str, ...], list[Payment]]]:
    grouped: dict[tuple[str, ...], list[Payment]] = defaultdict(list)
    for payment in scope.settled_in(asked.span):
        parts = key(payment)
        if all(parts):
            grouped[tuple(part for part in parts if part)].append(payment)
    ordered = sorted(grouped.items(), key=lambda item: (-volume(item[1]), item[0]))
    return ordered[: asked.limit]


def top_payers(ledger: Ledger, asked: Question) -> Answer:
    """Who paid most."""
    return [
        {
            "address": name,
            "totalPaid": money(volume(group)),
            "paymentCount": len(group),
            "lastPayment": max(p.stages["settled"].at for p in group) // 1000,
        }
        for (name,), group in _tops(scope_of(ledger, asked), asked, lambda p: (p.payer,))
    ]


def top_payees(ledger: Ledger, asked: Question) -> Answer:
    """Who was paid most."""
    return [
        {
            "address": name,
            "totalReceived": money(volume(group)),
            "paymentCount": len(group),
            "uniquePayers": len({p.payer for p in group if p.payer}),
        }
        for (name,), group in _tops(scope_of(ledger, asked), asked, lambda p: (p.payee,))
    ]


def top_routes(ledger: Ledger, asked: Question) -> Answer:
    """Who paid whom most."""
    pairs = _tops(scope_of(ledger, asked), asked, lambda p: (p.payer, p.payee))
    return [
        {"payer": payer, "payee": payee, "volume": money(volume(group)), "count": len(group)}
        for (payer, payee), group in pairs
    ]


def top_resources(ledger: Ledger, asked: Question) -> Answer:
    """What was paid for most."""
    found = _tops(scope_of(ledger, asked), asked, lambda p: (p.first("resource"),))
    return [
        {
            "resource": name,
            "volume": money(volume(group)),
            "count": len(group),
            "uniquePayers": len({p.payer for p in group if p.payer}),
        }
        for (name,), group in found
    ]

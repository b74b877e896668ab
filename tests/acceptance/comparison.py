"""The portal's answers beside the oracle's: money and counts to the last digit."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from tests.acceptance.client import Client
from tests.acceptance.questionnaire import Asked
from tests.oracle.recompute import REPORTS, Ledger

# Ratios are JSON numbers; a quotient of PostgreSQL has at least sixteen significant digits.
RATIO_TOLERANCE = Fraction(1, 10**12)
UNORDERED = frozenset(("failures",))


@dataclass
class Tally:
    """How a report fared: questions asked, figures compared, and where they differ."""

    questions: int = 0
    figures: int = 0
    wrong: int = 0
    examples: list[str] | None = None


def compare(client: Client, ledger: Ledger, asked: Iterable[Asked]) -> dict[str, Tally]:
    """Ask the portal everything; the tally of each report."""
    tallies: dict[str, Tally] = {}
    for one in asked:
        tally = tallies.setdefault(one.slug, Tally(examples=[]))
        actual = client.report(one.slug, one.params)
        expected = REPORTS[one.slug](ledger, one.question)
        tally.questions += 1
        tally.figures += sum(1 for _ in leaves(expected))
        found = list(differences(ordered(one.slug, expected), ordered(one.slug, actual), ""))
        tally.wrong += len(found)
        if found and tally.examples is not None and len(tally.examples) < 3:
            tally.examples.append(f"{one.slug} {one.params}: {found[0]}")
    return tallies


def ordered(slug: str, answer: Any) -> Any:
    """The answer, sorted where the order of its rows is the portal's own affair."""
    if slug not in UNORDERED:
        return answer
    keys = ("network", "stage", "reason")
    return sorted(answer, key=lambda row: tuple(row[key] for key in keys))


def leaves(value: Any) -> Iterator[Any]:
    """Every figure in an answer."""
    if isinstance(value, dict):
        for member in value.values():
            yield from leaves(member)
    elif isinstance(value, list):
        for member in value:
            yield from leaves(member)
    else:
        yield value


def differences(expected: Any, actual: Any, where: str) -> Iterator[str]:
    """Each place where the answer is not what was expected; fields the oracle lacks are free."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name, value in expected.items():
            yield from differences(value, actual.get(name, "missing"), f"{where}.{name}")
    elif isinstance(expected, list) and isinstance(actual, list):
        if len(expected) != len(actual):
            yield f"{where}: {len(actual)} rows instead of {len(expected)}"
        for index, (one, other) in enumerate(zip(expected, actual, strict=False)):
            yield from differences(one, other, f"{where}[{index}]")
    elif not same(expected, actual):
        yield f"{where}: {actual!r} instead of {shown(expected)}"


def same(expected: Any, actual: Any) -> bool:
    """Text and counts equal, ratios up to the digits a quotient has."""
    if not isinstance(expected, Fraction):
        return bool(expected == actual)
    if isinstance(actual, bool) or not isinstance(actual, (int, Decimal)):
        return False
    return abs(Fraction(actual) - expected) <= RATIO_TOLERANCE * max(Fraction(1), abs(expected))


def shown(expected: Any) -> str:
    """The expected figure for people."""
    return f"{float(expected)!r}" if isinstance(expected, Fraction) else repr(expected)


def table(tallies: dict[str, Tally]) -> str:
    """One line a report."""
    lines = [f"{'report':<20}{'questions':>10}{'figures':>10}{'wrong':>8}"]
    for slug, tally in sorted(tallies.items()):
        lines.append(f"{slug:<20}{tally.questions:>10}{tally.figures:>10}{tally.wrong:>8}")
        lines += [f"    {example}" for example in tally.examples or []]
    return "\n".join(lines)

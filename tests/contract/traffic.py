"""A little of everything, over the ninety days before the moment the contract tests ask about."""

from tests.builders import (
    ALICE,
    BOB,
    CAFE,
    CAROL,
    SHOP,
    Event,
    earned,
    failed,
    paid,
    received,
    refunded,
    reversed_,
    settled,
    verified,
)

AS_OF = "2026-03-10T12:07:30Z"
PEOPLE = (ALICE, BOB, CAROL)
PLACES = (SHOP, CAFE)
CHAINS = ("base", "polygon", "base-sepolia", "eip155:999999", "solana")


def everything() -> list[Event]:
    """Settled, failed, open, reversed, unpriced and nameless payments; revenue of all kinds."""
    return [*_payments(), *_oddities(), *_recent()]


def _payments() -> list[Event]:
    return [
        paid(
            f"pay-{n}",
            f"2026-{1 + n // 28:02}-{1 + n % 28:02}T{n * 5 % 24:02}:{n * 13 % 60:02}:07.25Z",
            f"{n}.{n:06}",
            f"0.{n:06}",
            payer=PEOPLE[n % 3],
            payee=PLACES[n % 2],
            network=CHAINS[n % 5],
            resource=f"https://api.test/{n % 4}",
            settlementTime=n * 37,
            gasUsed=str(50_000 + n),
            effectiveGasPrice="1000000007",
            nativeUsdPrice="2000",
        )
        for n in range(68)
    ]


def _oddities() -> list[Event]:
    return [
        paid("unpriced", "2026-03-09T18:20:00Z", "7", asset="0x" + "99" * 20),
        paid("nameless", "2026-03-09T20:00:00Z", "2", payer=None, payee=None),
        settled("bare", "2026-03-09T21:00:00Z", "0.5"),
        paid("taken-back", "2026-03-08T10:00:00Z", "3"),
        reversed_("taken-back", "2026-03-09T10:00:00Z"),
        paid("returned", "2026-03-08T11:00:00Z", "3"),
        refunded("returned", "2026-03-09T11:00:00Z", amount="1.5"),
        earned("sponsor", "2026-02-15T10:00:00Z", "gas_sponsorship", "4.25"),
        earned("premium", "2026-03-09T23:30:00Z", "premium", "10"),
    ]


def _recent() -> list[Event]:
    return [
        received("open", "2026-03-10T12:00:00Z", "6"),
        verified("open", "2026-03-10T12:00:01Z"),
        received("late", "2026-03-10T11:00:00Z", "5"),
        failed("late", "2026-03-10T11:00:09Z", "transaction_failed", stage="settle"),
        paid("now", "2026-03-10T12:07:00Z", "1.234567", "0.012345"),
        paid("after", "2026-03-10T12:07:31Z", "1000", "100", payer=BOB),
    ]

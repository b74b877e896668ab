"""Mixed traffic from four producers at once, then every report against the oracle.

    python -m tests.acceptance.mixed_load --url http://127.0.0.1:8000 --token TOKEN

Start it on an empty portal: the oracle knows of nothing else.
"""

import argparse
import sys
import time
from collections.abc import Callable

from tests.acceptance.client import Client
from tests.acceptance.comparison import Tally, compare, table
from tests.acceptance.delivery import Acknowledged, deliver
from tests.acceptance.questionnaire import asked, questionnaire
from tests.acceptance.traffic import Traffic, mixed
from tests.oracle.exact import parse
from tests.oracle.recompute import REPORTS, Ledger, recompute

EXPIRY_PATIENCE_SECONDS = 200


def say(text: str) -> None:
    """A line to the person who started the run."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Run; 0 when every count and figure is right."""
    options = _options().parse_args(arguments)
    now_ms = int(time.time() * 1000)
    traffic = mixed(options.events, options.seed, now_ms)
    say(f"{len(traffic.lines)} events made from seed {options.seed}; sending")
    began = time.monotonic()
    done = deliver(traffic.lines, options.url, options.token, seed=options.seed)
    seconds = time.monotonic() - began
    say(f"{done.requests} requests in {seconds:.1f} s, {len(traffic.lines) / seconds:.0f} events/s")
    is_right = check_counts(traffic, done)
    client = Client(options.url, options.token)
    tallies = check_figures(client, traffic, now_ms * 1000, expires=not options.no_worker)
    return 0 if is_right and not any(tally.wrong for tally in tallies.values()) else 1


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", required=True, help="role viewer and scope ingest")
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--no-worker", action="store_true", help="nothing expires meanwhile")
    return parser


def check_counts(traffic: Traffic, done: Acknowledged) -> bool:
    """Whether every event sent was counted, as what its maker knows it to be."""
    counted = dict(done.counts)
    say(f"sent {len(traffic.lines)} = answered {sum(counted.values())}: {counted}")
    say(f"the generator's own count: {traffic.expected}")
    return counted == traffic.expected


def check_figures(
    client: Client, traffic: Traffic, as_of: int, *, expires: bool
) -> dict[str, Tally]:
    """Compare every report with the oracle and print the table."""
    events = [parse(line) for line in traffic.valid]
    if expires:
        ledger = await_expiry(
            client, lambda: recompute(events, expired_by=time.time_ns() // 1000), as_of
        )
    else:
        ledger = recompute(events)
    tallies = compare(client, ledger, questionnaire(as_of))
    say(table(tallies))
    return tallies


def await_expiry(client: Client, expected: Callable[[], Ledger], as_of: int) -> Ledger:
    """Wait until the portal's clock has expired what is due; the ledger of that moment."""
    deadline = time.monotonic() + EXPIRY_PATIENCE_SECONDS
    question = asked("realtime", as_of, include_testnets=True)
    while True:
        ledger = expected()
        shown = client.report("realtime", question.params)["pendingSettlements"]
        want = REPORTS["realtime"](ledger, question.question)["pendingSettlements"]
        if shown == want or time.monotonic() > deadline:
            say(f"open payments: {shown}, expected {want}")
            return ledger
        time.sleep(3)


if __name__ == "__main__":
    sys.exit(main())

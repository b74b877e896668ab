"""How old keys are."""

from dataclasses import dataclass
from typing import Annotated

from analytics.params import GatewayParams
from analytics.query import Snapshot
from analytics.registry import Family, report
from analytics.reports.gateway._ages import HOURS
from analytics.units import OMITTED, Count, IsoMs, Number

SHOWN = 10
YOUNGEST_FIRST = "k.age_hours, k.created_at desc nulls last, k.place"
AGED = f"""
with aged as materialized (
    select k.name as key_name, gateway_round({HOURS}, 2) as age_hours, k.created_at, k.place
    from gateway_keys(%(sources)s, %(as_of)s) k
    where k.is_live
)
"""  # noqa: S608 - composed of constants
ENTRIES = f"""{AGED}
select e.part, e.key_name, e.age_hours, e.created_at
from (
    (select 'oldest' as part, k.*, 1 as n from aged k order by k.age_hours desc, k.place limit 1)
    union all
    (select 'newest', k.*, 1 from aged k order by k.age_hours, k.place desc limit 1)
    union all
    (select 'recent', k.*, row_number() over (order by {YOUNGEST_FIRST})
     from aged k order by {YOUNGEST_FIRST} limit {SHOWN})
) e
order by e.n
"""  # noqa: S608 - composed of constants
FIGURES = f"""{AGED}
select count(*) as total_keys,
    coalesce(gateway_round(
        sum(k.age_hours::float8 order by k.place) / nullif(count(*), 0), 2), 0) as avg_age_hours,
    count(*) filter (where k.age_hours < 24) as last24h,
    count(*) filter (where k.age_hours >= 24 and k.age_hours < 168) as last7d,
    count(*) filter (where k.age_hours >= 168 and k.age_hours < 720) as last30d,
    count(*) filter (where k.age_hours >= 720) as older
from aged k
"""  # noqa: S608 - composed of constants


@dataclass(frozen=True)
class KeyAgeEntry:
    """A key and its age; createdAt is null when nobody told."""

    key_name: str
    age_hours: Number
    created_at: IsoMs | None


@dataclass(frozen=True)
class KeyAgeRow:
    """An entry and which one it is: the oldest, the newest or a recent one."""

    part: str
    key_name: str
    age_hours: Number
    created_at: IsoMs | None


@dataclass(frozen=True)
class KeyAgeFigures:
    """Averages and counts as read."""

    total_keys: Count
    avg_age_hours: Number
    last24h: Count
    last7d: Count
    last30d: Count
    older: Count


@dataclass(frozen=True)
class KeyAgeSummary:
    """All keys that are not revoked."""

    total_keys: Count
    avg_age_hours: Number
    oldest_key: Annotated[KeyAgeEntry | None, OMITTED] = None
    newest_key: Annotated[KeyAgeEntry | None, OMITTED] = None


@dataclass(frozen=True)
class KeyAgeDistribution:
    """Keys by age, each in one class."""

    last24h: Count
    last7d: Count
    last30d: Count
    older: Count


@dataclass(frozen=True)
class KeyAge:
    """Ages, and the ten youngest keys."""

    summary: KeyAgeSummary
    distribution: KeyAgeDistribution
    recently_created: list[KeyAgeEntry]
    generated_at: IsoMs


@report(Family.GATEWAY)
def key_age(params: GatewayParams, snapshot: Snapshot) -> KeyAge:
    """Key age.

    Keys that are not revoked, suspended and expired ones included. Ages are hours with two
    decimals, avgAgeHours is the mean of the rounded ages; classes are below 24, 168 and 720 hours.
    Among keys of equal rounded age the first is the oldest and the last the newest.
    recentlyCreated are the ten youngest. A rotated key keeps the age of its predecessor.
    """
    found = snapshot.one(KeyAgeFigures, FIGURES)
    rows = snapshot.fetch(KeyAgeRow, ENTRIES)
    return KeyAge(
        summary=KeyAgeSummary(
            total_keys=found.total_keys,
            avg_age_hours=found.avg_age_hours,
            oldest_key=next(iter(_entries(rows, "oldest")), None),
            newest_key=next(iter(_entries(rows, "newest")), None),
        ),
        distribution=KeyAgeDistribution(found.last24h, found.last7d, found.last30d, found.older),
        recently_created=_entries(rows, "recent"),
        generated_at=snapshot.as_of,
    )


def _entries(rows: list[KeyAgeRow], part: str) -> list[KeyAgeEntry]:
    return [
        KeyAgeEntry(row.key_name, row.age_hours, row.created_at) for row in rows if row.part == part
    ]

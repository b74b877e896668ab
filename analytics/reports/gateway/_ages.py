"""How old a key is, as SQL over `gateway_keys(...) k`: in doubles of whole milliseconds.

A gateway's clock has milliseconds; the division happens once, in double precision, so that
halves round as the gateway rounds them. A key whose creation nobody told is of age 0.
"""


def _ms(moment: str) -> str:
    # Microseconds fit a double exactly once they are whole; numeric would be ten times slower.
    return f"floor(round(date_part('epoch', {moment}) * 1e6) / 1e3)"


_NOW = _ms("%(as_of)s::timestamptz")
MS = f"({_NOW} - {_ms('coalesce(k.created_at, %(as_of)s::timestamptz)')})"
HOURS = f"{MS} / 3600000"
DAYS = f"{MS} / 86400000"
# What divides by an age takes at least this many hours.
HOURS_AT_LEAST = f"greatest({HOURS}, 0.001)"
MS_LEFT = f"({_ms('k.expires_at')} - {_NOW})"
EXPIRES_WITHIN_A_WEEK = f"{MS_LEFT} > 0 and {MS_LEFT} <= 604800000"

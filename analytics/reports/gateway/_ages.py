"""How old a key is, as SQL over `gateway_keys(...) k`: in doubles of whole milliseconds.

A gateway's clock has milliseconds; the division happens once, in double precision, so that
halves round as the gateway rounds them. A key whose creation nobody told is of age 0.
"""

MS = """(floor(extract(epoch from %(as_of)s::timestamptz) * 1000)
        - floor(extract(epoch from coalesce(k.created_at, %(as_of)s::timestamptz))
                * 1000))::float8"""
HOURS = f"{MS} / 3600000"
DAYS = f"{MS} / 86400000"
# What divides by an age takes at least this many hours.
HOURS_AT_LEAST = f"greatest({HOURS}, 0.001)"
MS_LEFT = """(floor(extract(epoch from k.expires_at) * 1000)
        - floor(extract(epoch from %(as_of)s::timestamptz) * 1000))::float8"""
EXPIRES_WITHIN_A_WEEK = f"{MS_LEFT} > 0 and {MS_LEFT} <= 604800000"

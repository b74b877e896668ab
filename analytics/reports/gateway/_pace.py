"""How fast all active keys together spend credits, as SQL of one row."""

from analytics.reports.gateway._ages import HOURS_AT_LEAST

# Added up in the gateway's order of keys: sums of doubles depend on it.
PACE = f"""
select coalesce(sum(k.allocated), 0) as total_allocated,
    coalesce(sum(k.spent), 0) as total_spent,
    coalesce(sum(k.credits), 0) as total_remaining,
    count(*) as active_keys,
    case when sum(k.spent) > 0
         then gateway_round(sum(k.spent::float8 / ({HOURS_AT_LEAST}) order by k.place), 2)
         else 0 end as credits_per_hour
from gateway_keys(%(sources)s, %(as_of)s) k
where k.is_act
"""  # noqa: S608 - composed of constants

"""Metered calls by hour and by day (UTC), for readers by SQL and for exports.

What is folded and what is not are added up: together they are exact at any time.
"""

from django.db import migrations

MEASURES = "calls, allowed, refused, rate_limited, quota_denied, credits"
SUMS = ", ".join(
    f"sum(u.{name}){'' if name == 'credits' else '::bigint'} as {name}"
    for name in MEASURES.split(", ")
)
DENIED = "not d.allowed and strpos(d.deny_reason, '{}') > 0"

CREATE = "".join(
    f"""
create view paygate_views.call_{step}s as
    select s.slug as source, u.namespace, date_trunc('{step}', u.bucket, 'UTC') as {step}, {SUMS}
    from (
        select q.source_id, q.namespace, q.bucket, {MEASURES}
        from public.analytics_usagequarter q
        union all
        select d.source_id, d.namespace, d.bucket, d.calls,
            case when d.allowed then d.calls else 0 end,
            case when not d.allowed and d.deny_reason <> '' then d.calls else 0 end,
            case when {DENIED.format("rate_limited")} then d.calls else 0 end,
            case when {DENIED.format("quota_exceeded")} then d.calls else 0 end,
            case when d.allowed then d.credits else 0 end
        from public.analytics_usagedelta d
    ) u
    join public.billing_source s on s.id = u.source_id
    group by 1, 2, 3;
"""
    for step in ("hour", "day")
)
DROP = "drop view paygate_views.call_days; drop view paygate_views.call_hours;"


class Migration(migrations.Migration):
    dependencies = [("analytics", "0017_usage_label_rollups")]

    operations = [migrations.RunSQL([CREATE], [DROP])]

"""Metrics of the gateway side, under the names gateways use themselves.

Where several sources have keys or calls, every series says which in the label `source`. Callers
choose the names of tools: at most PAYGATE_METRICS_TOOLS of a source have a label of their own, for
good, the others share `other`.
"""

from django.conf import settings
from django.db import connection, transaction

from analytics.exposition import Family, Sample, label, shown

FAMILIES = (
    Family("paygate_tool_calls_total", "counter", "Metered calls by status and tool."),
    Family("paygate_credits_charged_total", "counter", "Credits of allowed calls by tool."),
    Family("paygate_denials_total", "counter", "Denied calls by category of the reason."),
    Family("paygate_active_keys_total", "gauge", "Keys that are not revoked."),
    Family("paygate_total_credits_available", "gauge", "Credits left on keys not revoked."),
    Family("paygate_groups_total", "gauge", "Active key groups."),
    Family("paygate_gateway_items_total", "counter", "Items of gateways by what became of them."),
    Family("paygate_import_failures_total", "counter", "Uploads of exports that failed."),
    Family("paygate_poll_failures", "gauge", "Failed polls in a row, of the worst resource."),
    Family("paygate_poll_gaps_total", "counter", "Stretches that were gone before they were read."),
)

LOCK = 1885431901  # one scrape at a time names tools and shows them
OTHER = "other"
LONGEST = 100

# The sources that act as gateways, with their label where there are several; what they metered.
GATEWAYS = f"""
with gateway as (
    select s.id, case when count(*) over () > 1 then {label("source", "s.slug")} end as label
    from billing_source s
    where s.kind = 'paygate'
       or s.id in (select source_id from analytics_tool_live)
       -- By an index: PostgreSQL would read all keys of others to find that a source has none.
       or (select k.id from billing_apikey k where k.source_id = s.id order by k.mask limit 1)
           is not null
),
metered as (
    select t.source_id, t.tool,
        coalesce(sum(t.calls) filter (where t.outcome = 'allowed'), 0) as allowed,
        coalesce(sum(t.calls) filter (where t.outcome not in ('allowed', 'refund')), 0) as denied,
        coalesce(sum(t.credits) filter (where t.outcome = 'allowed'), 0) as credits
    from analytics_tool_live t
    group by 1, 2
)"""  # noqa: S608 - composed of constants


def _value(name: str, status: str = "") -> str:
    """SQL for what `other` of a source was last shown with."""
    given = f"""'status="{status}"', """ if status else ""
    return f"""coalesce((select k.value from analytics_metriccounter k
        where k.name = '{name}' and k.labels = concat_ws(',', g.label, {given}'tool="{OTHER}"')
    ), 0)"""  # noqa: S608 - composed of constants


# Tools that were allowed come first, then the most used. Only half of the labels go to tools that
# were never allowed, since anybody can call a tool that does not exist.
NAME_TOOLS = f"""
{GATEWAYS},
shown as materialized (
    select g.id,
        {_value("paygate_tool_calls_total", "allowed")} as allowed,
        {_value("paygate_tool_calls_total", "denied")} as denied,
        {_value("paygate_credits_charged_total")} as credits
    from gateway g
),
candidate as (
    select m.*, coalesce(n.tools, 0) + row_number() over (
        partition by m.source_id
        order by m.allowed = 0, m.allowed + m.denied desc, m.tool) as place
    from metered m
    left join (select source_id, count(*) as tools from analytics_metrictool group by 1) n
        on n.source_id = m.source_id
    where m.tool <> '{OTHER}' and char_length(m.tool) <= {LONGEST} and m.allowed + m.denied > 0
      and not exists (select from analytics_metrictool t
                      where t.source_id = m.source_id and t.tool = m.tool)
)
insert into analytics_metrictool
    (source_id, tool, allowed_before, denied_before, credits_before)
select c.source_id, c.tool, least(c.allowed, s.allowed), least(c.denied, s.denied),
    least(c.credits, s.credits)
from candidate c
join shown s on s.id = c.source_id
where c.place <= case when c.allowed > 0 then %(tools)s else %(tools)s / 2 end
"""  # noqa: S608 - composed of constants

SAMPLES = f"""
{GATEWAYS},
tool as (
    select g.label, p.tool, sum(p.allowed) as allowed, sum(p.denied) as denied,
        sum(p.credits) as credits
    from (
        select m.source_id, coalesce(t.tool, '{OTHER}') as tool, m.allowed, m.denied, m.credits
        from metered m
        left join analytics_metrictool t on t.source_id = m.source_id and t.tool = m.tool
        union all
        select t.source_id, v.tool, v.sign * t.allowed_before, v.sign * t.denied_before,
            v.sign * t.credits_before
        from analytics_metrictool t
        cross join lateral (values (t.tool::text, -1), ('{OTHER}', 1)) v (tool, sign)
    ) p
    join gateway g on g.id = p.source_id
    group by g.label, p.tool
),
key as (
    select source_id, count(*) as keys, sum(credits) as credits
    from billing_apikey where active group by 1
),
item as (
    select source_id, sum(accepted) as accepted, sum(duplicate) as duplicate,
        sum(rejected) as rejected
    from analytics_receipt_live group by 1
),
counted as (
    select 1 as place, v.name, v.value, concat_ws(',', t.label, v.labels) as labels
    from tool t cross join lateral (values
        ('paygate_tool_calls_total', t.allowed,
            'status="allowed",' || {label("tool", "t.tool")}),
        ('paygate_tool_calls_total', t.denied, 'status="denied",' || {label("tool", "t.tool")}),
        ('paygate_credits_charged_total', t.credits, {label("tool", "t.tool")})
    ) v (name, value, labels)
    union all
    select 2, 'paygate_denials_total', sum(t.calls), concat_ws(',', g.label,
        {label("reason", "t.outcome")})
    from analytics_tool_live t
    join gateway g on g.id = t.source_id
    where t.outcome not in ('allowed', 'refund')
    group by g.label, t.outcome
),
found as (
    select place, name, value, labels from counted where value > 0
    union all
    select 3, v.name, v.value, concat_ws(',', g.label, v.labels)
    from gateway g
    left join key k on k.source_id = g.id
    left join item i on i.source_id = g.id
    cross join lateral (values
        ('paygate_active_keys_total', coalesce(k.keys, 0), null),
        ('paygate_total_credits_available', coalesce(k.credits, 0), null),
        ('paygate_groups_total', (select count(*) from billing_keygroup x
            where x.source_id = g.id and x.is_active), null),
        ('paygate_gateway_items_total', coalesce(i.accepted, 0), 'outcome="accepted"'),
        ('paygate_gateway_items_total', coalesce(i.duplicate, 0), 'outcome="duplicate"'),
        ('paygate_gateway_items_total', coalesce(i.rejected, 0), 'outcome="rejected"'),
        ('paygate_import_failures_total', (select count(*) from billing_gatewayimport x
            where x.source_id = g.id and x.status = 'failed'), null),
        ('paygate_poll_failures', (select coalesce(max(x.failures), 0) from billing_pollstate x
            where x.source_id = g.id), null),
        ('paygate_poll_gaps_total', (select count(*) from billing_pollgap x
            where x.source_id = g.id), null)
    ) v (name, value, labels)
)"""  # noqa: S608 - composed of constants


def samples() -> list[Sample]:
    """Every series of the gateway side."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s, 0)", [LOCK])
        cursor.execute(NAME_TOOLS, {"tools": settings.PAYGATE_METRICS_TOOLS})
        return shown(cursor, SAMPLES, FAMILIES, {})

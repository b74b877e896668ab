"""Keys that are not revoked with the group_id their gateway has assigned them to, as SQL.

Only the gateway itself has that table. Its audit log tells every change of it: a key of which a
log that reaches back to its creation tells nothing was never assigned, whatever group its record
names (rotation, cloning and import copy the record). Where the log begins later the record
decides, unless the key is known to be a copy.
"""

ASSIGNMENTS = """
select k.id, k.source_id, k.allocated, k.spent, k.credits, k.calls,
    case when t.mask is not null then t.group_id
         when c.mask is null and (l.begins is null or k.created_at is null
                                  or k.created_at < l.begins) then k.group_id end as group_id
from gateway_keys(%(sources)s, %(as_of)s) k
left join (
    select distinct on (a.source_id, m.mask) a.source_id, m.mask,
        case when a.type = 'group.key_assigned' then m.group_id end as group_id
    from billing_gatewayauditevent a
    cross join lateral (select a.metadata::json ->> 'keyMasked' as mask,
                               a.metadata::json ->> 'groupId' as group_id) m
    where a.type in ('group.key_assigned', 'group.key_removed') and a.at <= %(as_of)s
      and (%(sources)s::bigint[] is null or a.source_id = any(%(sources)s))
    order by a.source_id, m.mask, a.at desc, a.audit_id desc
) t on t.source_id = k.source_id and t.mask = k.mask
left join (
    select a.source_id, a.metadata::json ->> 'newKeyMasked' as mask
    from billing_gatewayauditevent a
    where a.type in ('key.rotated', 'key.cloned')
    union
    select e.source_id, e.other_mask
    from billing_gatewayevent e
    where e.type in ('key.rotated', 'key.cloned') and e.other_mask <> ''
) c on c.source_id = k.source_id and c.mask = k.mask
left join (
    select s.id as source_id,
        (select min(a.at) from billing_gatewayauditevent a where a.source_id = s.id) as begins
    from billing_source s
) l on l.source_id = k.source_id
where k.is_live
"""

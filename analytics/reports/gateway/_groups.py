"""Keys with the name of the group that their record says, as SQL in place of `gateway_keys`."""

GROUPED_KEYS = """(
    select k.*, coalesce(g.name, nullif(k.group_id, ''), 'ungrouped') as group_name
    from gateway_keys(%(sources)s, %(as_of)s) k
    left join billing_keygroup g
        on g.source_id = k.source_id and g.group_id = k.group_id and g.is_active
)"""

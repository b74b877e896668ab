"""Roles of staff, as Django groups of the same names as the roles of tokens.

On the API the name of a group is what counts; in the admin its permissions do, which are said here.
"""

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction

from billing.models.tokens import ROLE_ORDER, Role

INGEST = "ingest"  # the scope, as a group: its members may post events
READ = ("billing", "analytics", "notify")
# Who may make credentials may see them listed; factors are nobody's but their owner's.
NOT_READ = {"admintoken", "authenticator", "recoverycodes"}
MORE: dict[str, tuple[str, ...]] = {
    Role.VIEWER: (),
    Role.FINANCE: (),  # what it may do more is asked of the role itself, on the API
    Role.SUPPORT: (
        *("billing.add_apikey", "billing.change_apikey", "billing.add_keynote"),
        *("billing.add_keygroup", "billing.change_keygroup"),
    ),
    Role.OPERATOR: (
        *("billing.change_rejectedevent", "billing.add_gatewayimport"),
        *("billing.add_network", "billing.change_network", "billing.add_nativeprice"),
        *("billing.add_asset", "billing.change_asset"),
        *("billing.add_gatewayconfig", "billing.change_gatewayconfig"),
        *("billing.add_toolprice", "billing.change_toolprice", "billing.delete_toolprice"),
        *("notify.change_alert",),
        *("notify.add_alertrule", "notify.change_alertrule", "notify.delete_alertrule"),
        *("notify.add_reportschedule", "notify.change_reportschedule"),
        *("notify.delete_reportschedule",),
        *("notify.add_mutingwindow", "notify.change_mutingwindow", "notify.delete_mutingwindow"),
    ),
    Role.ADMIN: (
        *("billing.view_admintoken", "billing.add_admintoken", "billing.change_admintoken"),
        *("billing.add_source", "billing.change_source"),
        *("notify.add_endpoint", "notify.change_endpoint", "notify.delete_endpoint"),
        *("auth.view_user", "auth.add_user", "auth.change_user", "auth.view_group"),
        *("audit.view_auditentry",),
        *("axes.view_accessattempt", "axes.delete_accessattempt"),
        *("axes.view_accesslog", "axes.view_accessfailurelog"),
    ),
}
GROUPS = (*Role.values, INGEST)


def role_of(user: User, groups: set[str]) -> str:
    """Superusers are admins; other staff have the highest role that names a group of theirs.

    Who is in none reads.
    """
    if user.is_superuser:
        return Role.ADMIN
    named = (role for role in ROLE_ORDER if role in groups)
    return max(named, key=ROLE_ORDER.__getitem__, default=Role.VIEWER)


def groups_of(user: User) -> set[str]:
    """The names of a user's groups."""
    return set(user.groups.values_list("name", flat=True))


def seed(only_missing: bool = False) -> list[str]:
    """Make the groups, and give each exactly its permissions; the names of those that changed."""
    with transaction.atomic():
        return [name for name in GROUPS if _seed_one(name, only_missing)]


def _seed_one(name: str, only_missing: bool) -> bool:
    group, is_new = Group.objects.get_or_create(name=name)
    if only_missing and not is_new:
        return False
    wanted = {permission.pk for permission in permissions_of(name)}
    if not is_new and wanted == set(group.permissions.values_list("pk", flat=True)):
        return False
    group.permissions.set(wanted)
    return True


def permissions_of(name: str) -> list[Permission]:
    """What a role may do, the roles before it included; nothing for the scope."""
    if name == INGEST:
        return []
    known = {_label(row): row for row in Permission.objects.select_related("content_type")}
    roles = [role for role in Role.values if ROLE_ORDER[role] <= ROLE_ORDER[name]]
    labels = [label for label in known if _is_read(label)]
    labels += [label for role in roles for label in MORE[role]]
    return [known[label] for label in labels]  # KeyError: a label that no model has


def _is_read(label: str) -> bool:
    app, _, code = label.partition(".")
    verb, _, model = code.partition("_")
    return app in READ and verb == "view" and model not in NOT_READ


def _label(permission: Permission) -> str:
    return f"{permission.content_type.app_label}.{permission.codename}"

"""Consumer keys: looked up, looked at, issued, and acted upon with a reason."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.confirm import change_url
from billing.admin.facts import FactAdmin
from billing.admin.key_actions import KeyActing
from billing.admin.key_filters import (
    GroupFilter,
    KeySourceFilter,
    KeyStateFilter,
    NamespaceFilter,
)
from billing.admin.key_forms import FindForm, NewKeyForm, NoteForm
from billing.admin.key_page import key_evidence
from billing.admin.links import changelist_link
from billing.admin.lookup import keyed
from billing.admin.theme import action
from billing.gateway.redact import mask, redacted
from billing.keys.issue import issue_key
from billing.keys.secrets import FULL_KEY, find_keys
from billing.models import ApiKey, KeyAction, KeyNote, RequestLog, UsageEvent

STANDINGS = {
    "Active": "success",
    "Suspended": "warning",
    "Expired": "warning",
    "Revoked": "danger",
}


def standing(key: Any) -> str:
    """How the key stands, the gravest first."""
    if not key.active:
        return "Revoked"
    if key.expires_at is not None and key.expires_at <= timezone.now():
        return "Expired"
    return "Suspended" if key.suspended else "Active"


def standing_column() -> columns.Column:
    """`standing` as a coloured label."""
    show = column("Status", standing)
    show.label = STANDINGS  # type: ignore[attr-defined]  # how unfold colours a label
    return show


def tags_shown(key: Any) -> str:
    """Names and values on one line."""
    return ", ".join(f"{name}={value}" for name, value in key.tags.items()) or figures.EMPTY


def quota_shown(key: Any) -> str:
    """The key's own limits beside what it used."""
    quota = key.quota
    if not quota:
        return "as the source's"
    used = {
        "dailyCallLimit": ("calls", key.quota_daily_calls, key.quota_day),
        "dailyCreditLimit": ("credits", key.quota_daily_credits, key.quota_day),
        "monthlyCallLimit": ("calls", key.quota_monthly_calls, key.quota_month),
        "monthlyCreditLimit": ("credits", key.quota_monthly_credits, key.quota_month),
    }
    said = [
        f"{figures.exact(count)} of {figures.exact(quota[name])} {unit} in {span or 'none yet'}"
        for name, (unit, count, span) in used.items()
        if quota.get(name)
    ]
    return "; ".join(said) or "unlimited"


def listed(field: str) -> Any:
    """A list of texts on one line; what empty means is said by the label."""
    return lambda row: ", ".join(getattr(row, field)) or "any"


@admin.register(ApiKey)
class ApiKeyAdmin(KeyActing, FactAdmin):
    """Look a key up and see everything it rests on; nothing of it is edited by hand."""

    form = NewKeyForm
    actions_list = ("find",)
    search_fields = ("name", "prefix", "mask")
    search_help_text = "Name, first ten characters, or mask (whole). A full key: Find by full key."
    list_filter = (KeyStateFilter, KeySourceFilter, NamespaceFilter, GroupFilter)
    list_display = (
        *("name_shown", "standing", "looks", "balance", "spent", "calls", "used_listed"),
        *("namespace", "group_id", "tags_shown", "source_name"),
    )
    change_form_outer_after_template = "admin/billing/key_evidence.html"
    change_list_template = "admin/billing/key_list.html"
    new_fields = (
        *(("source", "name"), ("granted", "spending_limit"), ("namespace", "group_id")),
        *("tags", "ip_allowlist", ("allowed_tools", "denied_tools"), "expires_at"),
    )
    fieldsets = (
        (None, {"fields": (("name", "standing", "source_name"), ("looks", "alias", "issued_by"))}),
        (
            "Credits",
            {"fields": (("balance", "spent", "calls"), ("limit", "quota_shown", "topup_shown"))},
        ),
        (
            "What it may do",
            {
                "fields": (
                    ("tools", "denied", "networks"),
                    ("namespace", "group_id", "tags_shown"),
                )
            },
        ),
        ("Times", {"fields": (("created", "used", "expires"), ("seen", "doubt"))}),
    )
    standing = standing_column()
    source_name = column("Source", lambda row: row.source_slug)
    name_shown = column("Name", lambda row: row.name)
    looks = columns.code("Key", "mask")
    issued_by = column("Issued by", lambda row: "the portal" if row.is_issued_here else "a gateway")
    balance = columns.number("Balance", "credits")
    spent = columns.number("Spent", "total_spent")
    calls = columns.number("Calls", "total_calls")
    limit = column("Spending limit", lambda row: figures.exact(row.spending_limit or None))
    quota_shown = column("Quota", quota_shown)
    topup_shown = column("Auto top-up", lambda row: "configured" if row.auto_topup else "none")
    tools = column("Tools", listed("allowed_tools"))
    denied = column("Denied tools", lambda row: ", ".join(row.denied_tools) or "none")
    networks = column("Addresses", listed("ip_allowlist"))
    tags_shown = column("Tags", tags_shown)
    created = columns.moment("Created", "created_at")
    used = columns.moment("Last used", "last_used_at")
    used_listed = columns.listed_moment("Last used", "last_used_at")
    expires = columns.moment("Expires", "expires_at")
    seen = columns.moment("Newest snapshot", "snapshot_at")
    doubt = column(
        "Identity", lambda row: "another key looks alike" if row.is_ambiguous else "sure"
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Keys, without what no page shows."""
        return super().get_queryset(request).defer("snapshot")

    def matching(self, term: str) -> Q:
        """By name, prefix or mask."""
        return keyed(term.removesuffix("..."), "prefix") | keyed(term, "name", "mask")

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The list; a full key in the ordinary search is dropped and its owner told."""
        if FULL_KEY.search(request.GET.get("q", "")):
            messages.warning(
                request,
                "That was a key in full: it was not looked up, and does not belong into an"
                " address. Use this form, and consider rotating the key.",
            )
            return HttpResponseRedirect(reverse("admin:billing_apikey_find"))
        return super().changelist_view(request, extra_context)

    def get_urls(self) -> list[URLPattern]:
        """Adding a note has an address of its own."""
        note = path(
            "<int:key>/note/",
            self.admin_site.admin_view(require_POST(self.add_note)),
            name="billing_apikey_note",
        )
        return [note, *super().get_urls()]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keys are issued here too."""
        return request.user.has_perm("billing.add_apikey")

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """The form of a new key, the record of an existing one."""
        return ((None, {"fields": self.new_fields}),) if obj is None else self.fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """An existing key is only read."""
        return () if obj is None else columns.fields_of(self.fieldsets)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Issue it; the secret lives only until this answer is sent."""
        given = {name: form.cleaned_data[name] for name in (*NewKeyForm.Meta.fields, "tags")}
        source, credits = given.pop("source"), form.cleaned_data["granted"]
        who = f"user:{request.user.get_username()}"
        issued = issue_key(source, who, credits, **given)
        obj.pk = issued.key.pk
        request.issued_secret = issued.secret  # type: ignore[attr-defined]  # read by response_add

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The only page that ever shows the secret."""
        return self.secret_page(
            request,
            obj,
            "Key issued",
            request.issued_secret,  # type: ignore[attr-defined]  # set by save_model
        )

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Add ledger, usage, timeline and notes."""
        key = kwargs.get("obj")
        if key is not None:
            context |= self._below(request, key)
        response: HttpResponse = super().render_change_form(request, context, *args, **kwargs)
        return response

    def _below(self, request: HttpRequest, key: ApiKey) -> dict[str, Any]:
        may_note = request.user.has_perm("billing.add_keynote")
        calls = changelist_link(UsageEvent, {"q": key.prefix}, "Its calls") if key.prefix else ""
        log = changelist_link(RequestLog, {"q": key.mask}, "Its request log") if key.mask else ""
        done = changelist_link(KeyAction, {"q": key.pk}, "Its actions")
        return {
            "evidence": key_evidence(key),
            "note_form": NoteForm() if may_note else None,
            "note_url": reverse("admin:billing_apikey_note", args=[key.pk]),
            "links": [link for link in (calls, log, done) if link],
        }

    def add_note(self, request: HttpRequest, key: int) -> HttpResponse:
        """Keep a remark, in the writer's name."""
        row = get_object_or_404(ApiKey, pk=key)
        form = NoteForm(request.POST)
        if not request.user.has_perm("billing.add_keynote"):
            return HttpResponse("You may not write notes.", status=403)
        if form.is_valid():
            author = request.user.get_username()
            KeyNote.objects.create(key=row, author=author, text=redacted(form.cleaned_data["text"]))
            messages.success(request, "The note is kept.")
        else:
            messages.error(request, "A note needs a text.")
        return HttpResponseRedirect(change_url(row))

    def has_find_permission(self, request: HttpRequest) -> bool:
        """Who may look at keys may look one up."""
        return self.has_view_permission(request)

    @action(description="Find by full key", permissions=["find"])
    def find(self, request: HttpRequest) -> HttpResponse:
        """Look a pasted key up by its digest, and go to it by its id."""
        protected = sensitive_post_parameters("key")(never_cache(self._find))
        response: HttpResponse = protected(request)
        return response

    def _find(self, request: HttpRequest) -> HttpResponse:
        form = FindForm(request.POST or None)
        if form.is_valid():
            secret = form.cleaned_data["key"].strip()
            found = list(find_keys(secret).order_by("-id"))
            if found:
                return HttpResponseRedirect(change_url(found[0]))
            messages.warning(request, f"No key has the digest of {mask(secret)}.")
            return HttpResponseRedirect(reverse("admin:billing_apikey_find"))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "Find by full key",
            "form": form,
        }
        return TemplateResponse(request, "admin/billing/key_find.html", context)

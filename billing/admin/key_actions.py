"""The actions on a key's page: each asks first, wants a reason, and is on record."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from billing.admin import columns
from billing.admin.columns import column
from billing.admin.confirm import change_url, confirmation
from billing.admin.evidence import raw_json
from billing.admin.key_facts import OfKeyAdmin
from billing.admin.key_forms import FORMS, ActForm
from billing.admin.theme import ModelAdmin, action
from billing.gateway.store import encoded
from billing.keys.actions import Asked, Done, WrongInput, act, take_secret
from billing.keys.portal import ActionRefused
from billing.models import ApiKey, KeyAction
from billing.models.gateway_work import KeyActionKind, WorkStatus

EXPLAINED: dict[str, str] = {
    KeyActionKind.SUSPEND: "Calls with it are refused until it is resumed.",
    KeyActionKind.RESUME: "Calls with it are accepted again.",
    KeyActionKind.REVOKE: "Calls with it are refused from now on. This cannot be undone.",
    KeyActionKind.TOPUP: "Credits are added to its balance.",
    KeyActionKind.TRANSFER: "Credits are moved from this key to another one.",
    KeyActionKind.ROTATE: "It gets a new secret, shown once. The present one stops working.",
    KeyActionKind.EXPIRY: "Calls with it are refused from that moment on.",
    KeyActionKind.GROUP: "The policy of the group applies to it.",
    KeyActionKind.TAGS: "Tags that are not listed any more are removed.",
}
BY_GATEWAY = " The gateway does it; its answer is shown with the key."
STATUS_COLOURS = {
    WorkStatus.QUEUED.label: "info",
    WorkStatus.RUNNING.label: "info",
    WorkStatus.DONE.label: "success",
    WorkStatus.FAILED.label: "danger",
}


def _acting(kind: str) -> Any:
    """The method of one action."""

    def run(self: "KeyActing", request: HttpRequest, object_id: str) -> HttpResponse:
        protected = sensitive_post_parameters("secret")(never_cache(self.ask))
        response: HttpResponse = protected(request, object_id, kind)
        return response

    run.__name__, run.__doc__ = kind, f"{KeyActionKind(kind).label}, after asking."
    return action(description=str(KeyActionKind(kind).label), permissions=["act"])(run)


class KeyActing(ModelAdmin):
    """Actions on one key."""

    actions_detail: Any = (
        *("topup", "suspend", "resume"),
        {
            "title": "More",
            "items": ["transfer", "rotate", "expiry", "group", "tags", "revoke"],
        },
    )
    suspend = _acting(KeyActionKind.SUSPEND)
    resume = _acting(KeyActionKind.RESUME)
    revoke = _acting(KeyActionKind.REVOKE)
    topup = _acting(KeyActionKind.TOPUP)
    transfer = _acting(KeyActionKind.TRANSFER)
    rotate = _acting(KeyActionKind.ROTATE)
    expiry = _acting(KeyActionKind.EXPIRY)
    group = _acting(KeyActionKind.GROUP)
    tags = _acting(KeyActionKind.TAGS)

    def has_act_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may change a key may act on it."""
        return request.user.has_perm("billing.change_apikey")

    def ask(self, request: HttpRequest, object_id: str, kind: str) -> HttpResponse:
        """Ask with a form, then do it."""
        key = get_object_or_404(ApiKey.objects.select_related("source"), pk=object_id)
        form = FORMS.get(kind, ActForm)(key, request.POST or None)
        if form.is_valid():
            response = self._do(request, key, kind, form)
            if response is not None:
                return response
        title = str(KeyActionKind(kind).label)
        explanation = EXPLAINED[kind] + ("" if key.is_issued_here else BY_GATEWAY)
        return confirmation(self, request, key, title, explanation, form)

    def _do(
        self, request: HttpRequest, key: ApiKey, kind: str, form: ActForm
    ) -> HttpResponse | None:
        """The page afterwards; None when the form has to be filled in anew."""
        given = form.cleaned_data
        who = f"user:{request.user.get_username()}"
        asked = Asked(kind, who, given["reason"], form.params(), given.get("secret", ""))
        try:
            done = act(key, asked)
        except WrongInput as error:
            name = {"key": "secret"}.get(error.field, error.field)
            form.add_error(name if name in form.fields else None, str(error))
            return None
        except ActionRefused as error:
            messages.error(request, f"{form.key}: {error}")
            return HttpResponseRedirect(change_url(key))
        return self._after(request, key, done)

    def _after(self, request: HttpRequest, key: ApiKey, done: Done) -> HttpResponse:
        self.log_change(request, key, f"{done.action}: {done.action.outcome}")
        if done.secret is not None:
            key.refresh_from_db()
            return self.secret_page(request, key, "Key rotated", done.secret)
        is_waiting = done.action.status == WorkStatus.QUEUED
        text = "The gateway is asked; its answer appears below." if is_waiting else ""
        messages.success(request, f"{key}: {text or done.action.outcome}")
        return HttpResponseRedirect(change_url(key))

    def secret_page(
        self, request: HttpRequest, key: ApiKey, title: str, secret: str
    ) -> HttpResponse:
        """A page that shows a key in full, and is in no cache."""
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "original": key,
            "secret": secret,
            "back": change_url(key),
        }
        return TemplateResponse(
            request, "admin/billing/key_issued.html", context, headers={"Cache-Control": "no-store"}
        )


@admin.register(KeyAction)
class KeyActionAdmin(OfKeyAdmin):
    """What was done to keys, by whom, why, and what came of it."""

    actions_detail = ("reveal",)
    period_field = "created_at"
    list_display = ("kind", "state", "key_shown", "actor", "reason", "outcome", "made")
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("kind", "state", "key_shown"),
                    ("actor", "reason"),
                    "outcome",
                    ("made", "finished", "attempts"),
                    "params_shown",
                )
            },
        ),
    )
    readonly_fields = columns.fields_of(fieldsets)
    state = columns.badge("State", "status", STATUS_COLOURS)
    made = columns.moment("Asked", "created_at")
    finished = columns.moment("Finished", "finished_at")
    params_shown = column("Asked for", lambda row: raw_json(encoded(row.params)))

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Actions with their key's mask, without secrets."""
        return super().get_queryset(request).defer("secret", "before")

    def has_reveal_permission(self, request: HttpRequest, object_id: object = None) -> bool:
        """Who may act on keys, where there is a new key to be shown."""
        if object_id is None:
            return False
        may = request.user.has_perm("billing.change_apikey")
        rows = KeyAction.objects.filter(
            pk=str(object_id), kind=KeyActionKind.ROTATE, status=WorkStatus.DONE
        )
        return may and rows.exclude(secret="").exists()

    @action(description="Show the new key", permissions=["reveal"])
    def reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The new key of a rotation by a gateway: shown once, then erased."""
        row = get_object_or_404(KeyAction, pk=object_id)
        if request.method != "POST":
            explanation = "It is shown once, and erased from here as it is shown."
            return confirmation(self, request, row, "Show the new key", explanation)
        secret = take_secret(row)
        if secret is None:
            messages.warning(request, "There is no new key to be shown any more.")
            return HttpResponseRedirect(change_url(row))
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": "The new key",
            "original": row,
            "secret": secret,
            "back": change_url(row),
        }
        return TemplateResponse(
            request, "admin/billing/key_issued.html", context, headers={"Cache-Control": "no-store"}
        )

"""Webhook endpoints: made, tested, rotated, resumed. A secret is shown once."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from billing.admin import columns
from billing.admin.columns import column
from billing.admin.confirm import change_url, confirmation
from billing.admin.theme import ModelAdmin, action
from notify import outbox
from notify.delivery import deliver_now, resume
from notify.models import Delivery, DeliveryState, Endpoint, EventType
from notify.webhooks import new_secret

STANDINGS = {"Receiving": "success", "Failing": "warning", "Paused": "danger", "Off": "info"}


def standing(endpoint: Endpoint) -> str:
    """How it goes, in one word."""
    if not endpoint.enabled:
        return "Off"
    if endpoint.paused_at:
        return "Paused"
    return "Failing" if endpoint.failing_since else "Receiving"


def standing_column() -> columns.Column:
    """`standing` as a coloured label."""
    show = column(gettext("Standing"), standing)
    show.label = STANDINGS  # type: ignore[attr-defined]  # how unfold colours a label
    return show


class EndpointForm(forms.ModelForm):  # type: ignore[type-arg]  # generic only in the stubs
    """Where to, and what."""

    url = forms.URLField(label=_("URL"), max_length=500, assume_scheme="https")
    events = forms.MultipleChoiceField(
        choices=EventType.choices, widget=forms.CheckboxSelectMultiple, required=False
    )

    class Meta:
        model = Endpoint
        fields = ("name", "url", "events", "source", "low_balance", "enabled", "owner")


@admin.register(Endpoint)
class EndpointAdmin(ModelAdmin):
    """Receivers of signed requests."""

    form = EndpointForm
    actions_detail = ("send_test", "rotate", "forget_previous", "resume")
    list_display = ("name", "url", "standing", "subscribed", "failing", "owner")
    list_select_related = ("owner",)
    search_fields = ("name", "url")
    readonly_fields = ("standing", "failing", "rotating", "paused")
    fieldsets = (
        (None, {"fields": (("name", "enabled"), "url", "events")}),
        (_("Limits"), {"fields": (("source", "low_balance"), "owner")}),
        (_("Standing"), {"fields": (("standing", "failing", "paused", "rotating"),)}),
    )
    standing = standing_column()
    failing = columns.moment("Failing since", "failing_since")
    paused = columns.moment("Paused", "paused_at")
    subscribed = column("Events", lambda row: ", ".join(row.events) or "-")
    rotating = column("Previous secret", lambda row: "signs too" if row.previous_secret else "-")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """A new endpoint gets a secret, which lives only until this answer is sent."""
        if not change:
            obj.secret = new_secret()
            request.issued_secret = obj.secret  # type: ignore[attr-defined]  # read by response_add
        super().save_model(request, obj, form, change)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """The only page that shows the secret."""
        return self._issued(request, obj, request.issued_secret)  # type: ignore[attr-defined]  # set by save_model

    def _issued(self, request: HttpRequest, endpoint: Endpoint, secret: str) -> HttpResponse:
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Signing secret"),
            "endpoint": endpoint,
            "secret": secret,
        }
        return TemplateResponse(request, "admin/notify/secret.html", context)

    @action(description=_("Send a test"), permissions=["change"])
    def send_test(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """One message of type `test`, at once."""
        endpoint = get_object_or_404(Endpoint, pk=object_id)
        if request.method != "POST":
            text = gettext("%s gets a signed message of type test now.") % endpoint.url
            return confirmation(self, request, endpoint, gettext("Send a test"), text)
        delivery = outbox.test_send(endpoint)
        deliver_now(delivery)
        _say(request, Delivery.objects.get(pk=delivery.pk))
        return HttpResponseRedirect(change_url(delivery))

    @action(description=_("Rotate the secret"), permissions=["change"])
    def rotate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A new secret; requests are signed with both until the previous one is forgotten."""
        endpoint = get_object_or_404(Endpoint, pk=object_id)
        if request.method != "POST":
            text = gettext("Requests are signed with the new and the present secret from now on.")
            return confirmation(self, request, endpoint, gettext("Rotate the secret"), text)
        endpoint.previous_secret, endpoint.secret = endpoint.secret, new_secret()
        endpoint.save(update_fields=["secret", "previous_secret"])
        self.log_change(request, endpoint, "Secret rotated.")
        return self._issued(request, endpoint, endpoint.secret)

    @action(description=_("Forget the previous secret"), permissions=["change"])
    def forget_previous(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The end of a rotation."""
        endpoint = get_object_or_404(Endpoint, pk=object_id)
        if request.method != "POST":
            text = gettext("Requests are signed with the new secret alone from now on.")
            return confirmation(
                self, request, endpoint, gettext("Forget the previous secret"), text
            )
        Endpoint.objects.filter(pk=endpoint.pk).update(previous_secret="")
        self.log_change(request, endpoint, "Previous secret forgotten.")
        return HttpResponseRedirect(change_url(endpoint))

    @action(description=_("Resume"), permissions=["change"])
    def resume(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send what waited."""
        endpoint = get_object_or_404(Endpoint, pk=object_id)
        if request.method != "POST":
            text = gettext("What waited while the endpoint was paused is sent now.")
            return confirmation(self, request, endpoint, gettext("Resume"), text)
        count = resume(endpoint)
        self.log_change(request, endpoint, "Resumed.")
        text = ngettext("%d delivery is on its way.", "%d deliveries are on their way.", count)
        messages.success(request, text % count)
        return HttpResponseRedirect(change_url(endpoint))


def _say(request: HttpRequest, delivery: Delivery) -> None:
    if delivery.state == DeliveryState.DELIVERED:
        messages.success(request, gettext("Delivered."))
    else:
        messages.error(request, delivery.error or gettext("On its way."))

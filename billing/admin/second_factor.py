"""The page of a member of staff's own second factor: what it shows follows from the session.

Without a factor it enrols one, with one it asks for a code, and once that is given it can renew
the recovery codes or take the factor away.
"""

import logging
from typing import Any

import segno
from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth import logout
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django_otp import login as mark_verified
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from billing.access import second_factor as factors
from billing.access.sealing import SealBroken
from billing.admin.theme import TextInput

log = logging.getLogger(__name__)

PENDING = "second_factor_pending"  # of a session: the sealed secret that its page shows

# A device edited or shown there would be a way around everything here.
admin.site.unregister(TOTPDevice)
admin.site.unregister(StaticDevice)


class CodeForm(forms.Form):
    """One code, from the app or from paper."""

    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=TextInput(
            attrs={"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false"}
        ),
    )


@never_cache
def second_factor(request: HttpRequest) -> HttpResponse:
    """Enrol, ask for the code, or manage; strangers get the login."""
    user = request.user
    if not (isinstance(user, User) and user.is_active and user.is_staff):
        return redirect_to_login(request.get_full_path(), reverse("admin:login"))
    if not factors.has_one(user):
        return _enrol(request, user)
    if factors.is_owed(user, request.session):
        return _ask(request, user)
    return _manage(request, user)


def _ask(request: HttpRequest, user: User) -> HttpResponse:
    form = CodeForm(request.POST or None)
    device = _checked(form, user)
    if device is None:
        return _page(request, "ask", gettext("Second factor"), form=form)
    mark_verified(request, device)
    request.session.cycle_key()
    return HttpResponseRedirect(_next(request))


def _enrol(request: HttpRequest, user: User) -> HttpResponse:
    form = CodeForm(request.POST or None)
    sealed = _pending(request, user)
    made = _made(form, user, sealed)
    if made is None:
        shown = {"form": form, "qr": _qr(user, sealed), "secret": factors.shown_key(sealed, user)}
        return _page(request, "enrol", gettext("Set up a second factor"), **shown)
    app, codes = made
    del request.session[PENDING]
    mark_verified(request, app)
    request.session.cycle_key()
    return _codes(request, codes)


def _made(form: CodeForm, user: User, sealed: str) -> tuple[Any, list[str]] | None:
    """The factor and its recovery codes, else None with the reason in the form."""
    if not form.is_valid():
        return None
    try:
        made = factors.enrol(user, sealed, form.cleaned_data["code"].replace(" ", ""))
    except factors.AlreadyEnrolled:
        form.add_error("code", gettext("Another window was faster. Reload this page."))
        return None
    if made is None:
        form.add_error("code", gettext("This code does not fit. Wait for the next one."))
    return made


def _manage(request: HttpRequest, user: User) -> HttpResponse:
    """Both actions ask for a fresh code: an unlocked browser alone must not be enough."""
    form = CodeForm(request.POST or None)
    device = _checked(form, user)
    if device is None:
        more = {"form": form, "left": factors.codes_left(user), "total": factors.CODES}
        return _page(request, "manage", gettext("Second factor"), **more)
    if "remove" not in request.POST:
        return _codes(request, factors.new_codes(user))
    factors.remove(user)
    logout(request)
    messages.success(request, gettext("The second factor is removed. Sign in again."))
    return HttpResponseRedirect(reverse("admin:login"))


def _codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """The only page that ever shows them."""
    return _page(request, "codes", gettext("Recovery codes"), codes=codes)


def _checked(form: CodeForm, user: User) -> factors.Device | None:
    """The factor that the code proves, else None with the reason in the form."""
    if not form.is_valid():
        return None
    try:
        device = factors.check(user, form.cleaned_data["code"])
    except factors.Throttled as error:
        form.wait = error.seconds  # type: ignore[attr-defined]  # read by _page
        text = gettext("Too many wrong codes. Wait %d seconds.") % error.seconds
        form.add_error("code", text)
        return None
    except SealBroken:
        form.add_error("code", gettext("The secret key changed. Ask for a reset."))
        return None
    if device is None:
        log.warning("user %d gave a wrong second factor", user.pk)
        form.add_error("code", gettext("This code is wrong or used up."))
    return device


def _page(request: HttpRequest, name: str, title: str, **more: Any) -> HttpResponse:
    wait = getattr(more.get("form"), "wait", None)
    context = {
        **admin.site.each_context(request),
        "title": title,
        "next": _next(request),
        "is_required": settings.PAYGATE_REQUIRE_SECOND_FACTOR,
        **more,
    }
    template = f"admin/second_factor/{name}.html"
    response = TemplateResponse(request, template, context, status=429 if wait else 200)
    if wait:
        response["Retry-After"] = str(wait)
    return response


def _pending(request: HttpRequest, user: User) -> str:
    """The secret that this session's page shows: no other session ever sees it."""
    if PENDING not in request.session:
        request.session[PENDING] = factors.new_key(user)
    sealed: str = request.session[PENDING]
    return sealed


def _qr(user: User, sealed: str) -> SafeString:
    """The app's address as a picture; with a margin of its own, so that it reads in the dark."""
    code = segno.make(factors.app_of(user, sealed).config_url, error="m")
    svg = code.svg_inline(scale=4, light="white", svgclass="pg-qr", title=gettext("QR code"))
    return mark_safe(svg)  # noqa: S308 - made here, of a secret's characters


def _next(request: HttpRequest) -> str:
    """Where the person wanted to go: on this site, else the first page."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    is_ours = url_has_allowed_host_and_scheme(asked, {request.get_host()}, request.is_secure())
    return asked if is_ours else reverse("admin:index")

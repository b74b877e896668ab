"""The second factor of staff: set up, asked for at every door, throttled, lost."""

import base64
import re
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.auth.models import User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone

from billing.access.gate import SecondFactorGate
from billing.access.second_factor import app_of, new_key, shown_key
from billing.models import Authenticator, RecoveryCodes
from tests.access.phone import PAGE, RECOVERY, Phone, enrolled, shown_secret, totp
from tests.api.callers import problem_of, token_of

LOGIN = "/admin/login/"
PASSWORD = "correct horse"


@pytest.fixture
def olga(db: None) -> User:
    """A superuser."""
    return User.objects.create_superuser("olga", password=PASSWORD)


def signed_in(name: str = "olga", where: str = "/admin/") -> tuple[Client, Any]:
    """A browser after the password, and where it was led to."""
    browser = Client()
    form = {"username": name, "password": PASSWORD, "next": where}
    return browser, browser.post(f"{LOGIN}?next={where}", form, follow=True)


def half(user: User) -> Client:
    """A browser that gave the password only."""
    browser = Client()
    browser.force_login(user)
    return browser


def verified(user: User, phone: Phone) -> Client:
    """A browser that gave both."""
    browser = half(user)
    assert browser.post(PAGE, {"code": phone.code()}).status_code == 302
    return browser


def error_of(page: Any) -> str:
    """What the page complains of."""
    return " ".join(" ".join(errors) for errors in page.context["form"].errors.values())


def test_the_app_of_these_tests_shows_what_the_standard_says() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # 12345678901234567890 in RFC 6238, appendix B
    assert [totp(secret, at) for at in (59, 1_111_111_109, 20_000_000_000)] == [
        *("287082", "081804", "353130"),
    ]


def test_setting_up_shows_the_account_as_a_picture_and_gives_ten_codes(olga: User) -> None:
    browser = half(olga)
    page = browser.get(PAGE)
    assert page.status_code == 200
    assert page.content.decode().count('class="pg-qr"') == 1
    assert "<svg" in page.content.decode()
    phone = Phone(shown_secret(page))
    done = browser.post(PAGE, {"code": phone.code()})
    assert len(set(RECOVERY.findall(done.content.decode()))) == 10
    assert browser.get("/admin/").status_code == 200  # this session gave the code just now
    assert "no-store" in done["Cache-Control"]


def test_the_picture_holds_the_secret_that_is_shown(olga: User) -> None:
    sealed = new_key(olga)
    secret = shown_key(sealed, olga)
    assert app_of(olga, sealed).config_url == (
        f"otpauth://totp/PayGate%20portal%3Aolga?secret={secret}"
        "&algorithm=SHA1&digits=6&period=30&issuer=PayGate%20portal"
    )


def test_the_page_has_no_inline_script_or_style(olga: User) -> None:
    text = half(olga).get(PAGE).content.decode()
    svg = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert svg
    assert not any("style=" in picture or "<script" in picture for picture in svg)


def test_a_wrong_code_sets_nothing_up_and_keeps_the_picture(olga: User) -> None:
    browser = half(olga)
    secret = shown_secret(browser.get(PAGE))
    wrong = browser.post(PAGE, {"code": "12345"})
    assert error_of(wrong) == "This code does not fit. Wait for the next one."
    assert shown_secret(wrong) == secret
    assert not Authenticator.objects.exists()


def test_no_other_session_sees_the_secret_that_is_being_set_up(olga: User) -> None:
    one, other = half(olga), half(olga)
    assert shown_secret(one.get(PAGE)) != shown_secret(other.get(PAGE))


def test_of_two_windows_that_set_up_at_once_the_second_is_refused(olga: User) -> None:
    one, other = half(olga), half(olga)
    slow = Phone(shown_secret(other.get(PAGE)))
    enrolled(olga)
    page = other.post(PAGE, {"code": slow.code()})
    assert error_of(page) == "This code is wrong or used up."
    assert one.get("/admin/").status_code == 302
    assert Authenticator.objects.count() == 1


def test_the_database_holds_one_factor_a_user(olga: User) -> None:
    enrolled(olga)
    with pytest.raises(IntegrityError), transaction.atomic():
        Authenticator.objects.create(user=olga, name="another", key="x")
    with pytest.raises(IntegrityError), transaction.atomic():
        RecoveryCodes.objects.create(user=olga, name="another")


def test_a_dump_of_the_database_shows_neither_secret_nor_codes(olga: User) -> None:
    browser = half(olga)
    secret = shown_secret(browser.get(PAGE))
    pending = Session.objects.get().get_decoded()
    phone, codes = enrolled(olga)
    with connection.cursor() as cursor:
        cursor.execute(
            "select (select string_agg(d::text, ' ') from otp_totp_totpdevice d)"
            " || (select string_agg(t::text, ' ') from otp_static_statictoken t)"
        )
        dump = cursor.fetchone()[0] + str(pending)
    for known in (secret, phone.secret):
        assert known not in dump
        assert base64.b32decode(known).hex() not in dump
        assert base64.b64encode(base64.b32decode(known)).decode() not in dump
    for code in codes:
        assert code not in dump
        assert code.replace("-", "") not in dump


def test_a_row_copied_to_another_user_opens_nothing(olga: User) -> None:
    phone, _ = enrolled(olga)
    eve = User.objects.create_superuser("eve", password=PASSWORD)
    Authenticator.objects.update(user=eve)
    page = half(eve).post(PAGE, {"code": phone.code()})
    assert error_of(page) == "The secret key changed. Ask for a reset."


def test_a_new_secret_key_takes_over_when_a_code_is_given(olga: User, settings: Any) -> None:
    phone, codes = enrolled(olga)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another-secret-key-" + "0" * 40
    verified(olga, phone)
    browser = half(olga)
    assert browser.post(PAGE, {"code": codes[0]}).status_code == 302
    settings.SECRET_KEY_FALLBACKS = []
    verified(olga, phone)


def test_the_login_asks_for_the_code_and_leads_on(olga: User) -> None:
    phone, _ = enrolled(olga)
    where = "/admin/reports/?x=1"
    browser, page = signed_in(where=where)
    assert page.redirect_chain[-1][0] == "/admin/second-factor/?next=%2Fadmin%2Freports%2F%3Fx%3D1"
    done = browser.post(PAGE, {"code": phone.code(), "next": where})
    assert (done.status_code, done["Location"]) == (302, where)
    assert browser.get(where).status_code == 200


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "javascript:x"])
def test_it_leads_to_no_other_site(olga: User, where: str) -> None:
    phone, _ = enrolled(olga)
    done = half(olga).post(PAGE, {"code": phone.code(), "next": where})
    assert (done.status_code, done["Location"]) == (302, "/admin/")


def test_the_session_gets_a_new_name_with_the_code(olga: User) -> None:
    phone, _ = enrolled(olga)
    browser = half(olga)
    before = browser.cookies["sessionid"].value
    browser.post(PAGE, {"code": phone.code()})
    assert browser.cookies["sessionid"].value != before


PERSONS = [
    *("/admin/", "/admin/billing/payment/", "/admin/auth/user/", "/admin/reports/"),
    *("/admin/dashboards/gateway/", "/admin/password_change/", "/admin/jsi18n/"),
    *("/admin/traffic", "/admin/compliance/export", "/admin/key-status", "/api/docs/"),
    *("/admin/reports/payments/revenue/", "/admin/search/?s=x", "/admin/no-such-page/"),
]


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
@pytest.mark.parametrize("path", PERSONS)
def test_every_page_leads_to_the_code(olga: User, path: str, accept: str) -> None:
    enrolled(olga)
    answer = half(olga).get(path, headers={"Accept": accept})
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"{PAGE}?next=")


PROGRAMS = [
    *("/api/v1/payments/", "/api/v1/tokens/", "/api/v1/events/", "/api/v1/events", "/api/schema/"),
    *("/api/v1/analytics/", "/api/v1/analytics/revenue/", "/api/v1/analytics/gateway/traffic/"),
]


@pytest.mark.parametrize("path", PROGRAMS)
def test_every_address_of_the_api_refuses(olga: User, path: str) -> None:
    enrolled(olga)
    assert problem_of(half(olga).get(path), 403) == "second_factor_required"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/v1/events/"),
        ("post", "/api/v1/tokens/"),
        ("patch", "/api/v1/networks/eip155:8453/"),
        ("post", "/api/v1/keys/verify/"),
    ],
)
def test_nothing_is_written_either(olga: User, method: str, path: str) -> None:
    enrolled(olga)
    answer = getattr(half(olga), method)(path, {}, content_type="application/json")
    assert problem_of(answer, 403) == "second_factor_required"


def test_pages_are_not_written_to(olga: User) -> None:
    enrolled(olga)
    form = {"username": "mallory", "password1": "ab12cd34ef", "password2": "ab12cd34ef"}
    assert half(olga).post("/admin/auth/user/add/", form)["Location"].startswith(PAGE)
    assert not User.objects.filter(username="mallory").exists()


def test_the_code_opens_every_door(olga: User) -> None:
    phone, _ = enrolled(olga)
    browser = verified(olga, phone)
    statuses = {
        path: browser.get(path, headers={"Accept": "text/html,*/*"}).status_code
        for path in (*PERSONS, "/api/v1/tokens/", "/api/v1/payments/")
    }
    assert {path for path, status in statuses.items() if status != 200} == {"/admin/no-such-page/"}


def test_a_key_counts_before_the_half_session(olga: User) -> None:
    enrolled(olga)
    browser, token = half(olga), token_of()
    for headers in ({"X-Admin-Key": token}, {"Authorization": f"Bearer {token}"}):
        assert browser.get("/api/v1/payments/", headers=headers).status_code == 200
    assert browser.get("/admin/traffic", headers={"X-Admin-Key": token}).status_code == 200
    assert browser.get("/admin/traffic", headers={"X-Admin-Key": "guess"}).status_code == 401


def test_a_view_that_is_asynchronous_sees_a_stranger_too(olga: User) -> None:
    phone, _ = enrolled(olga)
    seen: list[Any] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(async_to_sync(request.auser)())
        return HttpResponse()

    for browser in (half(olga), verified(olga, phone)):
        request = RequestFactory().get("/livez")
        request.session = SessionStore(browser.cookies["sessionid"].value)
        AuthenticationMiddleware(SecondFactorGate(view))(request)
    assert [user.is_authenticated for user in seen] == [False, True]
    assert seen[1] == olga


def test_a_half_session_can_log_out(olga: User) -> None:
    enrolled(olga)
    browser = half(olga)
    browser.post("/admin/logout/")
    assert browser.get("/admin/")["Location"].startswith(LOGIN)


def test_sessions_from_before_owe_the_code_too(olga: User) -> None:
    before = half(olga)
    assert before.get("/admin/").status_code == 200
    enrolled(olga)
    assert before.get("/admin/").status_code == 302


def test_without_a_factor_nothing_is_asked(olga: User) -> None:
    _, page = signed_in()
    assert page.status_code == 200
    assert page.request["PATH_INFO"] == "/admin/"


def test_a_stranger_gets_the_login(db: None) -> None:
    assert Client().get(PAGE)["Location"] == f"{LOGIN}?next=/admin/second-factor/"


def test_a_user_who_is_not_staff_sets_nothing_up(db: None) -> None:
    user = User.objects.create_user("customer", password=PASSWORD)
    assert half(user).get(PAGE)["Location"].startswith(LOGIN)


def test_a_code_counts_once(olga: User) -> None:
    phone, _ = enrolled(olga)
    code = phone.code()
    assert half(olga).post(PAGE, {"code": code}).status_code == 302
    assert error_of(half(olga).post(PAGE, {"code": code})) == "This code is wrong or used up."


def test_a_recovery_code_counts_once_however_it_is_typed(olga: User) -> None:
    _, codes = enrolled(olga)
    typed = codes[3].upper().replace("-", " ")
    assert half(olga).post(PAGE, {"code": typed}).status_code == 302
    assert error_of(half(olga).post(PAGE, {"code": codes[3]})) == "This code is wrong or used up."


def test_a_recovery_code_is_its_owners(olga: User) -> None:
    _, codes = enrolled(olga)
    eve = User.objects.create_superuser("eve", password=PASSWORD)
    enrolled(eve)
    assert error_of(half(eve).post(PAGE, {"code": codes[0]})) == "This code is wrong or used up."


def wait(user: User, seconds: int) -> None:
    """Let time pass for the throttle."""
    rows = Authenticator.objects.filter(user=user)
    at = rows.get().throttling_failure_timestamp - timedelta(seconds=seconds)
    rows.update(throttling_failure_timestamp=at)


def wrong(phone: Phone) -> str:
    """Six digits that no clock near now gives."""
    code = phone.code()
    phone.turn -= 1
    return f"{(int(code) + 1) % 1_000_000:06d}"


def test_wrong_codes_are_throttled_longer_each_time(olga: User) -> None:
    phone, _ = enrolled(olga)
    browser, right = half(olga), phone.code()
    for seconds in (1, 2, 4, 8):
        assert browser.post(PAGE, {"code": wrong(phone)}).status_code == 200
        refused = browser.post(PAGE, {"code": right})
        assert refused.status_code == 429
        assert refused["Retry-After"] == f"{seconds}"
        assert error_of(refused) == f"Too many wrong codes. Wait {seconds} seconds."
        wait(olga, seconds)
    assert browser.post(PAGE, {"code": right}).status_code == 302


def test_throttled_guesses_do_not_lock_the_owner_out_of_the_paper(olga: User) -> None:
    phone, codes = enrolled(olga)
    half(olga).post(PAGE, {"code": wrong(phone)})
    assert half(olga).post(PAGE, {"code": codes[0]}).status_code == 302


def test_wrong_recovery_codes_are_throttled_too(olga: User) -> None:
    _, codes = enrolled(olga)
    half(olga).post(PAGE, {"code": "aaaa-aaaa-aaaa-aaaa"})
    assert half(olga).post(PAGE, {"code": codes[0]}).status_code == 429


@pytest.mark.parametrize("code", ["", "\0", "9" * 39, "٣٣٣٣٣٣", "é" * 20, "-1", "x" * 4000])
def test_nonsense_is_refused_with_a_reason(olga: User, code: str) -> None:
    enrolled(olga)
    page = half(olga).post(PAGE, {"code": code})
    assert page.status_code == 200
    assert error_of(page)


def test_new_recovery_codes_replace_the_old_ones(olga: User) -> None:
    phone, old = enrolled(olga)
    browser = verified(olga, phone)
    assert "10 of 10 recovery codes" in browser.get(PAGE).content.decode()
    page = browser.post(PAGE, {"code": phone.code(), "renew": "1"})
    new = RECOVERY.findall(page.content.decode())
    assert len(set(new) - set(old)) == 10
    assert half(olga).post(PAGE, {"code": old[0]}).status_code == 200
    RecoveryCodes.objects.update(throttling_failure_count=0)
    assert half(olga).post(PAGE, {"code": new[0]}).status_code == 302
    assert "9 of 10 recovery codes" in browser.get(PAGE).content.decode()


@pytest.mark.parametrize("action", ["renew", "remove"])
def test_an_unlocked_browser_alone_changes_nothing(olga: User, action: str) -> None:
    phone, codes = enrolled(olga)
    browser = verified(olga, phone)
    page = browser.post(PAGE, {"code": wrong(phone), action: "1"})
    assert error_of(page) == "This code is wrong or used up."
    assert Authenticator.objects.exists()
    assert half(olga).post(PAGE, {"code": codes[0]}).status_code == 302


def test_removing_it_ends_every_session(olga: User) -> None:
    phone, _ = enrolled(olga)
    other, asked = verified(olga, phone), half(olga)
    browser = verified(olga, phone)
    done = browser.post(PAGE, {"code": phone.code(), "remove": "1"})
    assert done["Location"] == LOGIN
    for each in (browser, other, asked):
        assert each.get("/admin/")["Location"].startswith(LOGIN)
    assert signed_in()[1].request["PATH_INFO"] == "/admin/"


def test_required_means_that_everybody_sets_one_up(olga: User, settings: Any) -> None:
    settings.PAYGATE_REQUIRE_SECOND_FACTOR = True
    browser, page = signed_in()
    assert "asks everybody of the staff" in page.content.decode()
    assert "Not now" not in page.content.decode()
    assert problem_of(browser.get("/api/v1/payments/"), 403) == "second_factor_required"
    phone = Phone(shown_secret(page))
    browser.post(PAGE, {"code": phone.code()})
    assert browser.get("/admin/").status_code == 200
    assert browser.get("/api/v1/payments/").status_code == 200


def reset(name: str) -> str:
    """What the command says."""
    out = StringIO()
    call_command("reset_second_factor", name, stdout=out)
    return out.getvalue().strip()


def test_the_operator_resets_it(olga: User) -> None:
    phone, codes = enrolled(olga)
    eve = User.objects.create_superuser("eve", password=PASSWORD)
    others = half(eve)
    browser, asked = verified(olga, phone), half(olga)
    assert reset("olga") == "olga has no second factor any more; all sessions ended."
    for each in (browser, asked):
        assert each.get("/admin/")["Location"].startswith(LOGIN)
    assert others.get("/admin/").status_code == 200
    assert signed_in()[1].request["PATH_INFO"] == "/admin/"
    assert reset("olga") == "olga had no second factor; all sessions ended."
    assert codes
    assert not RecoveryCodes.objects.exists()


def test_the_operator_is_told_of_a_name_that_is_none(db: None) -> None:
    with pytest.raises(CommandError, match="There is no user 'olag'"):
        reset("olag")


def test_a_session_does_not_outlive_the_factor_that_verified_it(olga: User) -> None:
    phone, _ = enrolled(olga)
    browser = verified(olga, phone)
    Authenticator.objects.all().delete()  # behind the portal's back
    assert browser.get("/admin/")["Location"].startswith(PAGE)


def test_devices_are_not_in_the_admin(olga: User) -> None:
    phone, _ = enrolled(olga)
    browser = verified(olga, phone)
    for model in ("otp_totp/totpdevice", "otp_static/staticdevice"):
        assert browser.get(f"/admin/{model}/").status_code == 404


def test_expired_sessions_do_not_disturb_a_reset(olga: User) -> None:
    half(olga)
    Session.objects.update(expire_date=timezone.now() - timedelta(days=1))
    assert reset("olga")

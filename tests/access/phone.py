"""An authenticator app, written from RFC 6238 and not from what the portal uses."""

import base64
import hmac
import re
import time
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.test import Client

PAGE = "/admin/second-factor/"
SECRET = re.compile(r'id="totp-secret"[^>]*>([A-Z2-7]{32})<')
RECOVERY = re.compile(r"<code>([a-z2-7-]{19})</code>")


def totp(secret: str, at: float) -> str:
    """The six digits at a moment, in seconds since 1970."""
    counter = int(at // 30).to_bytes(8, "big")
    digest = hmac.digest(base64.b32decode(secret), counter, "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06d}"


@dataclass
class Phone:
    """Shows a new code each time it is looked at, as a patient person would wait for."""

    secret: str
    turn: int = 0

    def code(self) -> str:
        """The next code; the portal follows a clock that runs ahead."""
        self.turn += 1
        return totp(self.secret, time.time() + 30 * (self.turn - 1))


def shown_secret(page: Any) -> str:
    """The key that an enrolment page shows for typing."""
    found = SECRET.search(page.content.decode())
    assert found, page.content.decode()
    return found[1]


def enrolled(user: User) -> tuple[Phone, list[str]]:
    """A user's new second factor, set up in a browser of its own: the phone and the paper."""
    browser = Client()
    browser.force_login(user)
    phone = Phone(shown_secret(browser.get(PAGE)))
    page = browser.post(PAGE, {"code": phone.code()})
    codes = RECOVERY.findall(page.content.decode())
    assert len(codes) == 10, page.content.decode()
    return phone, codes

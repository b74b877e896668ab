"""Typed readers of environment variables that fail with the variable's name."""

from zoneinfo import available_timezones

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()


def required(name: str, why: str) -> str:
    """The variable's text; ImproperlyConfigured naming it when it is unset or empty."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"{name} is not set: {why}")
    return value


def boolean(name: str, default: bool) -> bool:
    """True for 1, true, yes, on; False for 0, false, no, off; an error naming it otherwise."""
    raw = env.str(name, default="").strip().lower()
    if raw == "":
        return default
    if raw in ("1", "true", "yes", "on"):
        return True
    if raw in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name}={raw!r} is not a boolean (use 1 or 0)")


def integer(name: str, default: int, minimum: int = 0) -> int:
    """A whole number not below `minimum`; an error naming the variable otherwise."""
    raw = env.str(name, default="").strip()
    try:
        value = int(raw) if raw else default
    except ValueError as error:
        raise ImproperlyConfigured(f"{name}={raw!r} is not a whole number") from error
    if value < minimum:
        raise ImproperlyConfigured(f"{name}={value} is below {minimum}")
    return value


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """One of the words allowed; an error naming the variable for any other."""
    value: str = env.str(name, default="").strip().lower() or default
    if value not in allowed:
        raise ImproperlyConfigured(f"{name}={value!r} is none of {', '.join(allowed)}")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list, blanks dropped."""
    return [word.strip() for word in env.str(name, default=default).split(",") if word.strip()]


def zones(name: str, default: str) -> list[str]:
    """A comma-separated list of IANA time zones; an error naming the variable for any other."""
    found = words(name, default)
    unknown = sorted(set(found) - available_timezones())
    if unknown:
        raise ImproperlyConfigured(f"{name}: {', '.join(unknown)} is no IANA time zone")
    return found


def cache_url(broker_url: str) -> str:
    """Where the cache is: CACHE_URL, else the broker when that is Redis or Valkey, else empty."""
    explicit: str = env.str("CACHE_URL", default="")
    if explicit:
        return explicit
    if broker_url.startswith("redis+socket://"):
        return "unix://" + broker_url.removeprefix("redis+socket://").split("?")[0]
    return broker_url if broker_url.startswith(("redis://", "rediss://")) else ""

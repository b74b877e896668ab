"""All settings. Everything that differs between installations comes from the environment."""

import logging
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.templatetags.static import static
from django.urls import reverse_lazy

from paygate_site import logs
from paygate_site.environment import (
    boolean,
    cache_url,
    choice,
    env,
    integer,
    required,
    words,
    zones,
)

BASE_DIR = Path(__file__).resolve().parent.parent
VERSION = "0.1.0"

# --- what must be given -----------------------------------------------------------------------
SECRET_KEY = required("PAYGATE_SECRET_KEY", "it signs sessions and seals secrets at rest")
SECRET_KEY_FALLBACKS = words("PAYGATE_SECRET_KEY_FALLBACKS")
DATABASE_URL = required("DATABASE_URL", "PostgreSQL, e.g. postgresql://user:password@host/database")
BROKER_URL = required("BROKER_URL", "redis://, rediss://, redis+socket:// or amqp://")

DEBUG = boolean("PAYGATE_DEBUG", default=False)
HTTPS = boolean("PAYGATE_HTTPS", default=False)
ALLOWED_HOSTS = words("PAYGATE_ALLOWED_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = words("PAYGATE_TRUSTED_ORIGINS")

# --- applications -----------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "channels",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "axes",
    "django_otp",
    "django_otp.plugins.otp_totp",
    "django_otp.plugins.otp_static",
    "csp",
    "django_prometheus",
    "django_structlog",
    "billing",
    "analytics",
    "notify",
    "audit",
]

MIDDLEWARE = [
    "paygate_site.middleware.RequestLog",  # first, so that every line of a request carries its id
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "paygate_site.middleware.BrowserRules",  # before the policy is written, on the way out
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "analytics.api.dropin_paths.GatewayClients",  # before the next, which would add a slash
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "billing.access.gate.SecondFactorGate",  # a session that owes the code is nobody's
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
    "audit.middleware.ActorOfRequest",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "paygate_site.urls"
ASGI_APPLICATION = "paygate_site.asgi.application"
WSGI_APPLICATION = "paygate_site.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# --- database ---------------------------------------------------------------------------------
# Web processes use a pool (an ASGI request is a new thread, so a kept connection would leak);
# workers and commands keep one connection each.
DATABASES: dict[str, dict[str, Any]] = {"default": env.db_url_config(DATABASE_URL)}
DATABASES["default"]["ENGINE"] = "django.db.backends.postgresql"
_pool = integer("PAYGATE_DB_POOL", 0)
DATABASES["default"]["CONN_MAX_AGE"] = 0 if _pool else 600
DATABASES["default"]["CONN_HEALTH_CHECKS"] = not _pool
_options: dict[str, Any] = DATABASES["default"].setdefault("OPTIONS", {})
if "host" in _options:  # postgresql://user:pw@/db?host=/socket/dir
    DATABASES["default"]["HOST"] = _options.pop("host")
_options["application_name"] = os.environ.get("PAYGATE_PROCESS", "paygate")
if _pool:
    _options["pool"] = {"min_size": min(2, _pool), "max_size": _pool, "timeout": 10}
DATABASES["default"]["ATOMIC_REQUESTS"] = False
# PgBouncer pools transactions: no server-side cursors, and it refuses start-up options.
_pgbouncer = boolean("PAYGATE_PGBOUNCER", default=False)
DATABASES["default"]["DISABLE_SERVER_SIDE_CURSORS"] = _pgbouncer
if not _pgbouncer:
    # Compiling a statement took seconds where running it took milliseconds (measured).
    _options.setdefault("options", "-c jit=off")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- cache: throttles only; figures are never cached -------------------------------------------
CACHE_URL = cache_url(BROKER_URL)
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# --- celery -----------------------------------------------------------------------------------
CELERY_BROKER_URL = BROKER_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 280
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_ENABLE_UTC = True
CELERY_DB_REUSE_MAX = 1000
# Without the restore options a killed worker's tasks would come back only after an hour.
# The visibility timeout must exceed the longest task, else tasks run twice.
CELERY_BROKER_TRANSPORT_OPTIONS = (
    {"visibility_timeout": 300, "unacked_restore_interval": 5, "unacked_restore_throttle": 1}
    if BROKER_URL.startswith("redis")
    else {}
)
# The whole schedule. The stale marks in the database are the queue: a lost, doubled or late
# tick loses nothing. `expires` keeps an outage from piling ticks up.
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "roll-stale-buckets": {
        "task": "analytics.tasks.roll_stale_buckets",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 55},
    },
    "fold-running-totals": {
        "task": "analytics.tasks.fold_running_totals",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 55},
    },
    "expire-payments": {
        "task": "billing.tasks.expire_payments",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 55},
    },
    "carry-out-key-actions": {
        "task": "billing.tasks.carry_out_key_actions",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 55},
    },
    "store-imports": {
        "task": "billing.tasks.store_imports",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 55},
    },
    "poll-gateways": {
        "task": "billing.tasks.poll_gateways",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 55},
    },
    "deliver-messages": {
        "task": "notify.tasks.deliver_messages",
        "schedule": timedelta(seconds=15),
        "options": {"expires": 14},
    },
    "send-reports": {
        "task": "notify.tasks.send_reports",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 55},
    },
    "evaluate-rules": {
        "task": "notify.tasks.evaluate_rules",
        "schedule": timedelta(minutes=1),
        "options": {"expires": 55},
    },
    "verify-recent": {
        "task": "analytics.tasks.verify_recent",
        "schedule": timedelta(minutes=15),
        "options": {"expires": 800},
    },
    "verify-nightly": {
        "task": "analytics.tasks.verify_history",
        "schedule": crontab(hour="3", minute="20"),
        "options": {"expires": 3600},
    },
}

# --- time and language ------------------------------------------------------------------------
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- static files -----------------------------------------------------------------------------
STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"] if (BASE_DIR / "static").is_dir() else []
WHITENOISE_USE_FINDERS = True  # no collectstatic step needed
WHITENOISE_AUTOREFRESH = DEBUG

# --- security ---------------------------------------------------------------------------------
LOGIN_URL = reverse_lazy("admin:login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it refuses who has guessed too often
    "django.contrib.auth.backends.ModelBackend",
]
# Who guesses a user's password is locked out, at that address; the user is not, at others.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = integer("PAYGATE_LOGIN_FAILURES", 5, minimum=1)
AXES_COOLOFF_TIME = timedelta(seconds=integer("PAYGATE_LOGIN_COOLOFF_SECONDS", 900, minimum=1))
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False  # no greeting in the log of every command
AXES_LOCKOUT_CALLABLE = "billing.admin.lockout.locked_out"
AXES_IPWARE_META_PRECEDENCE_ORDER = ["REMOTE_ADDR"]  # the web server knows which proxy to believe
AXES_SENSITIVE_PARAMETERS = ["username", "password"]
PAYGATE_REQUIRE_SECOND_FACTOR = boolean("PAYGATE_REQUIRE_SECOND_FACTOR", default=False)
OTP_TOTP_ISSUER = "PayGate portal"  # how an authenticator app names the account
SESSION_COOKIE_AGE = integer("PAYGATE_SESSION_SECONDS", 43_200, minimum=60)
SESSION_COOKIE_NAME = "__Host-sessionid" if HTTPS else "sessionid"
CSRF_COOKIE_NAME = "__Host-csrftoken" if HTTPS else "csrftoken"
SESSION_COOKIE_SECURE = HTTPS
CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = False  # a redirect would lose webhooks; the proxy in front redirects browsers
SILENCED_SYSTEM_CHECKS = ["security.W008"]  # the line above, on purpose
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
# Nothing of another host, no inline script. The theme of the admin and the API's browser need more:
# paygate_site.middleware.BrowserRules.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 17 * 1024 * 1024  # one ingest request (16 MiB) and its envelope
FILE_UPLOAD_MAX_MEMORY_SIZE = DATA_UPLOAD_MAX_MEMORY_SIZE  # uploads hold keys: never on disk

# --- API --------------------------------------------------------------------------------------
APPEND_SLASH = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "billing.api.authentication.TokenAuthentication",
        "billing.api.authentication.StaffSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["billing.api.permissions.RolePermission"],
    "DEFAULT_RENDERER_CLASSES": ["billing.api.renderers.ExactJSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_THROTTLE_CLASSES": ["billing.api.throttles.TokenThrottle"],
    "DEFAULT_THROTTLE_RATES": {
        "api": env.str("PAYGATE_API_RATE", default="6000/min"),
        "ingest": env.str("PAYGATE_INGEST_RATE", default="120000/min"),
    },
    "EXCEPTION_HANDLER": "billing.api.problems.problem_response",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "COERCE_DECIMAL_TO_STRING": True,
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "PayGate portal",
    "DESCRIPTION": "Payments, revenue and API-key analytics for machine payments.",
    "VERSION": VERSION,
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    # one name for values that fields of several names share
    "ENUM_NAME_OVERRIDES": {"KeyRiskEnum": ["healthy", "good", "caution", "warning", "critical"]},
}

# --- the portal's own -------------------------------------------------------------------------
PAYGATE_TOKEN_PEPPERS = words("PAYGATE_TOKEN_PEPPERS")  # newest first; empty: from the secret key
PAYGATE_EXPIRY_SECONDS = integer("PAYGATE_EXPIRY_SECONDS", 3600, minimum=60)
PAYGATE_EXPIRY_GRACE_SECONDS = integer("PAYGATE_EXPIRY_GRACE_SECONDS", 600)
PAYGATE_ZONES = zones("PAYGATE_ZONES", "UTC")  # zones whose daily unique counts are kept ready
PAYGATE_REPORT_TIMEOUT_MS = integer("PAYGATE_REPORT_TIMEOUT_MS", 30_000, minimum=100)
PAYGATE_ADMIN_REQUESTS_PER_MINUTE = integer("PAYGATE_ADMIN_REQUESTS_PER_MINUTE", 120)
PAYGATE_METRICS_NETWORKS = words("PAYGATE_METRICS_NETWORKS", "127.0.0.1/32,::1/128")
PAYGATE_METRICS_TOOLS = integer("PAYGATE_METRICS_TOOLS", 100)  # labels of tools, by source
# A gateway on a private network is usual; metadata services and link-local addresses never are.
PAYGATE_GATEWAY_ALLOW_PRIVATE = boolean("PAYGATE_GATEWAY_ALLOW_PRIVATE", default=True)
PAYGATE_MAX_MARK_AGE_SECONDS = integer("PAYGATE_MAX_MARK_AGE_SECONDS", 600, minimum=60)

# --- e-mail: alerts and scheduled reports -----------------------------------------------------
EMAIL_URL = env.str("PAYGATE_EMAIL_URL", default="")
PAYGATE_EMAIL_CONFIGURED = bool(EMAIL_URL)
vars().update(env.email_url_config(EMAIL_URL or "consolemail://"))
EMAIL_TIMEOUT = 30
DEFAULT_FROM_EMAIL = env.str("PAYGATE_EMAIL_FROM", default="paygate@localhost")
SERVER_EMAIL = DEFAULT_FROM_EMAIL

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "PayGate portal",
    "SITE_HEADER": "PayGate portal",
    "SITE_ICON": lambda _request: static("paygate/icon.svg"),
    "STYLES": [lambda _request: static("paygate/paygate.css")],
    # Teal, one step darker than usual so that white on 600 has a contrast above 4.5.
    "COLORS": {
        "primary": {
            "50": "#f0fdfa",
            "100": "#ccfbf1",
            "200": "#99f6e4",
            "300": "#5eead4",
            "400": "#2dd4bf",
            "500": "#14b8a6",
            "600": "#0f766e",
            "700": "#115e59",
            "800": "#134e4a",
            "900": "#123f3c",
            "950": "#042f2e",
        }
    },
    "ACCOUNT": {"navigation": "billing.admin.account.links"},
    "DASHBOARD_CALLBACK": "analytics.admin.dashboard.dashboard",
    "SIDEBAR": {"show_search": True, "navigation": "analytics.admin.navigation.navigation"},
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("paygate/icon.svg"),
        }
    ],
}

LOGGING = logs.configure(
    choice("PAYGATE_LOG_FORMAT", "text", logs.FORMATS), env.str("PAYGATE_LOG_LEVEL", default="INFO")
)
DJANGO_STRUCTLOG_CELERY_ENABLED = True  # a task's lines carry the id of the request that asked
DJANGO_STRUCTLOG_USER_ID_FIELD = ""  # would cost every request a query
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # behind a proxy it is whatever the caller claims
DJANGO_STRUCTLOG_STATUS_START_LOG_LEVEL = logging.DEBUG  # one line a request, at its end
DJANGO_STRUCTLOG_STATUS_4XX_LOG_LEVEL = logging.INFO  # a caller's mistake is no trouble of ours
DJANGO_STRUCTLOG_CELERY_DEFAULT_LOG_LEVEL = logging.DEBUG  # Celery says it too

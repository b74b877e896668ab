"""How log lines look: text for people, or one JSON object a line for collectors.

Every line written while a request or a task is worked on carries its `request_id` or `task_id`; a
task carries the `request_id` of the request that asked for it too.
"""

from typing import Any

import structlog
from structlog.typing import Processor

TEXT, JSON = "text", "json"
FORMATS = (TEXT, JSON)

# What every line gets, whether structlog or Python's logging wrote it.
_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(style: str, level: str) -> dict[str, Any]:
    """Set up structlog and return Django's LOGGING, for a `style` of FORMATS."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"()": _formatter, "style": style}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # the server's lines in the same form; RequestLog writes the one of a request
            "uvicorn": {"handlers": [], "propagate": True},
            "uvicorn.error": {"handlers": [], "propagate": True},
            "uvicorn.access": {"handlers": [], "propagate": True, "level": "WARNING"},
            "django.request": {"level": "ERROR"},  # what it warns of is in that line already
        },
    }


def _formatter(style: str) -> structlog.stdlib.ProcessorFormatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_SHARED, structlog.stdlib.PositionalArgumentsFormatter()],
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_last(style)],
    )


def _last(style: str) -> list[Processor]:
    """Tracebacks are plain text in both: a rich one would show variables, secrets among them."""
    if style == JSON:
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=plain)]

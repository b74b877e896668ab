"""What can go wrong with a report, as errors with stable codes."""

from rest_framework import status
from rest_framework.exceptions import APIException, PermissionDenied, ValidationError


class ReportTimeout(APIException):
    """The database stopped a report that ran longer than PAYGATE_REPORT_TIMEOUT_MS."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "report_timeout"
    default_detail = "The report took too long. Ask for a shorter window."


def foreign_source(slug: str) -> PermissionDenied:
    """The caller's token is bound to another source than the one asked for."""
    return PermissionDenied(f"This token cannot read source {slug!r}.", code="foreign_source")


def invalid(parameter: str, detail: str, code: str) -> ValidationError:
    """One bad query parameter."""
    return ValidationError({parameter: [detail]}, code=code)

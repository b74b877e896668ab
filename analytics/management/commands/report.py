"""Print a report."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import APIException, ValidationError

from analytics.api.renderers import csv_text
from analytics.registry import Answer, Family, Report, all_reports, find_report
from analytics.serializers import params_serializer
from billing.api.renderers import exact_json

PREFIX = "parameter_"  # keeps a report's parameters apart from Django's own options


class Command(BaseCommand):
    """`manage.py report revenue --window 7d --tz Asia/Kolkata --format csv`."""

    help = "Print a report as JSON or CSV; its parameters are those of the API."

    def add_arguments(self, parser: CommandParser) -> None:
        """Slug, family, format, and the parameters of all reports."""
        parser.add_argument("slug", help="e.g. payments, gateway/costs; see docs/reports.md")
        parser.add_argument("--family", choices=[f.value for f in Family], default=Family.PAYMENTS)
        parser.add_argument("--format", choices=["json", "csv"], default="json")
        for name, help_text in _parameters().items():
            flags = [f"--{spelling}" for spelling in dict.fromkeys([name.replace("_", "-"), name])]
            parser.add_argument(*flags, dest=PREFIX + name, help=help_text, metavar="VALUE")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the report over every source and write it to stdout."""
        given = {name: options[PREFIX + name] for name in _parameters()}
        query = {name: value for name, value in given.items() if value is not None}
        try:
            report = _named(options["slug"], options["family"])
            answer = report.answer(query)
        except LookupError as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(_complaint(error)) from error
        except APIException as error:
            raise CommandError(str(error.detail)) from error
        self.stdout.write(_text(report, answer, options["format"]), ending="")


def _named(path: str, family: str) -> Report:
    """The report of a slug, or of a path such as gateway/costs; LookupError for none."""
    named, _, slug = path.rpartition("/")
    if named and named not in list(Family):
        raise LookupError(f"there is no family {named}")
    return find_report(slug, Family(named or family))


def _parameters() -> dict[str, str]:
    """Name and help of every parameter that some report takes."""
    return {
        name: str(field.help_text)
        for report in all_reports()
        for name, field in params_serializer(report.params_type)().fields.items()
    }


def _complaint(error: ValidationError) -> str:
    """Every bad parameter by name."""
    details = error.detail if isinstance(error.detail, dict) else {"input": error.detail}
    return "; ".join(f"{name}: {' '.join(map(str, texts))}" for name, texts in details.items())


def _text(report: Report, answer: Answer, form: str) -> str:
    if form == "csv":
        return csv_text(report, answer.data)
    return exact_json(answer.data).decode() + "\n"

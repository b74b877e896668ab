"""Keep docs/openapi.yaml equal to what the code publishes."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.validation import validate_schema

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"


class Command(BaseCommand):
    """Writes the document, or says that it is out of date."""

    help = "Write docs/openapi.yaml; with --check fail when it is out of date instead."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Write or check."""
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Generate and validate the document."""
        current = generated()
        if not options["check"]:
            DOCUMENT.write_bytes(current)
        elif not DOCUMENT.exists() or DOCUMENT.read_bytes() != current:
            raise CommandError("docs/openapi.yaml is out of date: run `manage.py openapi`.")


def generated() -> bytes:
    """The OpenAPI document as YAML; ValidationError when it is not valid OpenAPI."""
    generator: Any = SchemaGenerator  # drf-spectacular's functions carry no types
    renderer: Any = OpenApiYamlRenderer
    validate: Any = validate_schema
    schema = generator().get_schema(request=None, public=True)
    validate(schema)
    document: bytes = renderer().render(schema, renderer_context={})
    return document

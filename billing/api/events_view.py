"""The events door over HTTP: what is read here, and what is posted."""

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import (
    APIException,
    ParseError,
    PermissionDenied,
    UnsupportedMediaType,
    ValidationError,
)
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from billing.api.authentication import StaffSession, TokenAuthentication
from billing.api.bodies import read_body
from billing.api.filters import EventFilter
from billing.api.permissions import IngestPermission, RolePermission, access_of
from billing.api.serializers import EventSerializer
from billing.api.signatures import SignatureAuthentication, SignedRequest
from billing.api.throttles import IngestThrottle, TokenThrottle
from billing.api.viewsets import ReadOnlyViewSet
from billing.ingest import MalformedBody, quarantine, receive, split
from billing.models import Event, Source
from billing.models.tokens import Role

MAX_EVENTS = 10_000
DEFAULT_SOURCE = "default"
NDJSON = "application/x-ndjson"
MEDIA_TYPES = ("application/json", NDJSON)


class TooManyEvents(APIException):
    """413: more events than one request may carry."""

    status_code = 413
    default_detail = f"One request carries at most {MAX_EVENTS} events."
    default_code = "too_many_events"


class ResultSerializer(serializers.Serializer[None]):
    """What became of one event."""

    index = serializers.IntegerField(help_text="Its place in the request, from 0.")
    id = serializers.CharField(allow_null=True, help_text="Null when it could not be read.")
    status = serializers.ChoiceField(["accepted", "duplicate", "conflict", "rejected"])
    code = serializers.CharField(required=False, help_text="Why it was rejected.")
    detail = serializers.CharField(required=False)


class ReceiptSerializer(serializers.Serializer[None]):
    """What became of a request's events; they are committed."""

    accepted = serializers.IntegerField()
    duplicate = serializers.IntegerField(help_text="Stored before, with the same body.")
    conflict = serializers.IntegerField(help_text="The id is taken by another body.")
    rejected = serializers.IntegerField(help_text="Not understood; kept as rejected events.")
    results = ResultSerializer(many=True)


class EventViewSet(ReadOnlyViewSet[Event]):
    """The inbox: every accepted event as it was received."""

    queryset = Event.objects.select_related("source")
    serializer_class = EventSerializer
    filterset_class = EventFilter

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Tokens and staff; producers may also sign."""
        return [TokenAuthentication(), SignatureAuthentication(), StaffSession()]

    def get_permissions(self) -> list[BasePermission]:
        """Posting is a scope of its own, not a role."""
        return [IngestPermission() if self._is_posting() else RolePermission()]

    def get_throttles(self) -> list[BaseThrottle]:
        """Posting has a rate of its own."""
        return [IngestThrottle() if self._is_posting() else TokenThrottle()]

    def _is_posting(self) -> bool:
        return self.action == "create"

    @extend_schema(
        summary="Post events",
        description=(
            'One event, an array, `{"events": [...]}` or NDJSON: up to 10,000 events and '
            "16 MiB. Authenticate with a token that has the scope `ingest`, or sign the body: "
            '`X-PayGate-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>." + body>` '
            "with `?source=`. The answer means that the events and all their effects are stored."
        ),
        parameters=[OpenApiParameter("source", str, description="Slug of the producer.")],
        request={"application/json": OpenApiTypes.ANY, NDJSON: OpenApiTypes.STR},
        responses={200: ReceiptSerializer},
        filters=False,
    )
    def create(self, request: Request) -> Response:
        """Take in the events of one request; they commit together."""
        is_ndjson = _media_type(request) == NDJSON
        source, any_source = _source_of(request)
        auth = request.auth
        body = auth.body if isinstance(auth, SignedRequest) else read_body(request)
        receipt = receive(_events(body, is_ndjson, source), source, any_source)
        return Response(
            {
                "accepted": receipt.accepted,
                "duplicate": receipt.duplicate,
                "conflict": receipt.conflict,
                "rejected": receipt.rejected,
                "results": receipt.results,
            }
        )


def _media_type(request: Request) -> str:
    content_type = request.META.get("CONTENT_TYPE", "")
    media_type: str = content_type.partition(";")[0].strip().lower()
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower()
    if media_type not in MEDIA_TYPES:
        raise UnsupportedMediaType(content_type or "none", f"Use {' or '.join(MEDIA_TYPES)}.")
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(encoding, "Send the body without Content-Encoding.")
    return media_type


def _source_of(request: Request) -> tuple[Source, bool]:
    """The source to file under, and whether an event may name another one."""
    access = access_of(request)
    if access is None:
        raise PermissionDenied
    any_source = access.source is None and access.has_role(Role.ADMIN)
    own = access.source.slug if access.source else DEFAULT_SOURCE
    slug = request.query_params.get("source", own)
    if slug == own:
        return access.source or _source(own), any_source
    if not any_source:
        raise PermissionDenied("This credential may not post for that source.", "foreign_source")
    return _source(slug), any_source


def _source(slug: str) -> Source:
    found = Source.objects.filter(slug=slug.replace("\0", "")).first()
    if found is None:
        raise ValidationError({"source": [f"There is no source {slug!r}."]})
    return found


def _events(body: bytes, is_ndjson: bool, source: Source) -> list[bytes]:
    try:
        items = split(body, is_ndjson)
    except MalformedBody as error:
        quarantine(source, body, "malformed_json", str(error))
        raise ParseError(str(error), "malformed_json") from error
    if len(items) > MAX_EVENTS:
        raise TooManyEvents
    return items

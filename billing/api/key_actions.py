"""Actions on keys over HTTP: one path each, with a reason, for support."""

from typing import Any

from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.key_fields import CheckedField, CreditsField
from billing.api.key_filters import KeyActionFilter
from billing.api.key_serializers import KeyActionSerializer
from billing.api.key_views import KeyViewSet, caller_of
from billing.api.viewsets import ReadOnlyViewSet
from billing.keys.actions import Asked, Done, WrongInput, act, take_secret
from billing.keys.portal import ActionRefused
from billing.keys.values import checked_tag_changes
from billing.models import KeyAction
from billing.models.gateway_work import KeyActionKind
from billing.models.tokens import Role


class Refused(APIException):
    """409: the key's state forbids it."""

    status_code = 409
    default_code = "action_refused"


class Gone(APIException):
    """404: there is no new key to be shown, or it was shown before."""

    status_code = 404
    default_detail = "There is no new key to be shown; one is shown once only."
    default_code = "nothing_to_show"


class ActSerializer(serializers.Serializer[None]):
    """Why it is done; for a gateway's key also that key, where the portal cannot look it up."""

    reason = serializers.CharField(max_length=400)
    key = serializers.CharField(
        max_length=4_000,
        required=False,
        write_only=True,
        help_text="A gateway's key in full, sealed until the action is done, then erased.",
    )


class TopupSerializer(ActSerializer):
    """Credits to add."""

    credits = CreditsField(min_value=0)

    def validate_credits(self, credits: Any) -> str:
        """More than nothing, as text of all its digits."""
        if not credits:
            raise serializers.ValidationError("Give more than 0.")
        return f"{credits.normalize():f}"


class TransferSerializer(TopupSerializer):
    """Credits to move, and the key they go to."""

    to = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="Id of a key.")
    memo = serializers.CharField(max_length=400, required=False)


class ExpirySerializer(ActSerializer):
    """When the key expires; null = never."""

    expires_at = serializers.DateTimeField(allow_null=True)

    def validate_expires_at(self, moment: Any) -> str | None:
        """As ISO text."""
        return moment.isoformat() if moment else None


class GroupSerializer(ActSerializer):
    """The group; empty = none."""

    group = serializers.CharField(max_length=64, allow_blank=True)


class TagsSerializer(ActSerializer):
    """Tags to set; a name given null is removed."""

    tags = CheckedField(checked_tag_changes)


def _acting(kind: str, shape: type[ActSerializer]) -> Any:
    """The method of one action, named as its kind."""

    def run(self: KeyViewSet, request: Request, pk: str | None = None) -> Response:
        return _answer(self, request, kind, shape)

    run.__name__, run.__doc__ = kind, f"{KeyActionKind(kind).label}, for a reason that is kept."
    described = extend_schema(
        summary=str(KeyActionKind(kind).label),
        request=shape,
        responses={200: KeyActionSerializer, 202: KeyActionSerializer},
    )
    return action(detail=True, methods=["post"])(method_decorator(never_cache)(described(run)))


def _answer(view: KeyViewSet, request: Request, kind: str, shape: type[ActSerializer]) -> Response:
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    params: dict[str, Any] = dict(asked.validated_data)
    reason, secret = params.pop("reason"), params.pop("key", "")
    order = Asked(kind, caller_of(request).who, reason, params, secret)
    try:
        done = act(view.get_object(), order)
    except WrongInput as error:
        raise ValidationError({error.field: [str(error)]}) from error
    except ActionRefused as error:
        raise Refused(str(error)) from error
    return _shown(done)


def _shown(done: Done) -> Response:
    body = dict(KeyActionSerializer(done.action).data)
    if done.secret:
        body["new_key"] = done.secret
    is_done = done.action.finished_at is not None
    return Response(body, status=status.HTTP_200_OK if is_done else status.HTTP_202_ACCEPTED)


class ActingKeyViewSet(KeyViewSet):
    """Consumer keys, of gateways and issued here. Change one by its actions."""

    suspend = _acting(KeyActionKind.SUSPEND, ActSerializer)
    resume = _acting(KeyActionKind.RESUME, ActSerializer)
    revoke = _acting(KeyActionKind.REVOKE, ActSerializer)
    topup = _acting(KeyActionKind.TOPUP, TopupSerializer)
    transfer = _acting(KeyActionKind.TRANSFER, TransferSerializer)
    rotate = _acting(KeyActionKind.ROTATE, ActSerializer)
    expiry = _acting(KeyActionKind.EXPIRY, ExpirySerializer)
    group = _acting(KeyActionKind.GROUP, GroupSerializer)
    tags = _acting(KeyActionKind.TAGS, TagsSerializer)


class KeyActionViewSet(ReadOnlyViewSet[KeyAction]):
    """What was done to keys, by whom, why, and what came of it."""

    queryset = KeyAction.objects.defer("secret", "before")
    serializer_class = KeyActionSerializer
    filterset_class = KeyActionFilter
    scope_column = "key__source"
    write_role = Role.SUPPORT

    @extend_schema(
        summary="Show a gateway's new key, once", request=None, responses={200: KeyActionSerializer}
    )
    @action(detail=True, methods=["post"])
    @method_decorator(never_cache)
    def reveal(self, request: Request, pk: str | None = None) -> Response:
        """The new key of a rotation that a gateway did; it is erased as it is shown."""
        row = self.get_object()
        secret = take_secret(row)
        if secret is None:
            raise Gone
        return _shown(Done(row, secret))

"""Networks, assets and prices over HTTP: operators say what is known and what it is worth."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from billing.api import filters, serializers
from billing.api.viewsets import ReadOnlyViewSet
from billing.chains import CAIP2, canonical_network
from billing.models import Asset, NativePrice, Network
from billing.models.tokens import Role
from billing.registry import register_asset, register_network, set_native_price


class NetworkViewSet(ReadOnlyViewSet[Network]):
    """Chains. Registering one brings its payments into the figures; a testnet's stay out."""

    queryset = Network.objects.all()
    serializer_class = serializers.NetworkSerializer
    filterset_class = filters.NetworkFilter
    lookup_field = "chain_id"
    lookup_value_regex = ".+"
    orderings = ("chain_id",)
    scope_column = None
    write_role = Role.OPERATOR
    is_shared = True

    def update(self, request: Request, chain_id: str) -> Response:
        """Register a network, or change a registered one; stored payments are repriced."""
        chain = canonical_network(chain_id)
        if not CAIP2.fullmatch(chain):
            raise ValidationError({"chain_id": ["Use a CAIP-2 id such as eip155:8453."]})
        is_new = not Network.objects.filter(chain_id=chain).exists()
        network = self._registered(chain, self.get_serializer(data=request.data))
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(self.get_serializer(network).data, status=code)

    def partial_update(self, request: Request, chain_id: str) -> Response:
        """Change a network and mark it registered; stored payments are repriced."""
        network = self.get_object()
        changes = self.get_serializer(network, data=request.data, partial=True)
        return Response(self.get_serializer(self._registered(network.pk, changes)).data)

    def _registered(self, chain: str, changes: BaseSerializer[Network]) -> Network:
        changes.is_valid(raise_exception=True)
        return register_network(chain, **changes.validated_data)


class AssetViewSet(mixins.CreateModelMixin, ReadOnlyViewSet[Asset]):
    """Tokens. Giving one decimals and a peg prices the payments made in it."""

    queryset = Asset.objects.all()
    serializer_class = serializers.AssetSerializer
    filterset_class = filters.AssetFilter
    scope_column = None
    write_role = Role.OPERATOR
    is_shared = True

    def perform_create(self, serializer: BaseSerializer[Asset]) -> None:
        """Register the asset, or change the one there is; stored payments are repriced."""
        fields = dict(serializer.validated_data)
        network, address = fields.pop("network"), fields.pop("address")
        serializer.instance = register_asset(network, address, **fields)

    @extend_schema(request=serializers.AssetChangeSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change an asset; stored payments are repriced."""
        asset = self.get_object()
        changes = serializers.AssetChangeSerializer(asset, data=request.data, partial=True)
        changes.is_valid(raise_exception=True)
        changed = register_asset(asset.network, asset.address, **changes.validated_data)
        return Response(self.get_serializer(changed).data)


class NativePriceViewSet(mixins.CreateModelMixin, ReadOnlyViewSet[NativePrice]):
    """USD per native coin from a moment on; it prices gas that no event priced."""

    queryset = NativePrice.objects.all()
    serializer_class = serializers.NativePriceSerializer
    filterset_class = filters.NativePriceFilter
    scope_column = None
    write_role = Role.OPERATOR
    is_shared = True

    def perform_create(self, serializer: BaseSerializer[NativePrice]) -> None:
        """Enter the price; stored gas is repriced."""
        given: dict[str, Any] = serializer.validated_data
        serializer.instance = set_native_price(**given)

"""Networks, assets and native prices. Saving reprices the stored payments they concern."""

from typing import Any

from django.contrib import admin
from django.db.models import F, Model
from django.http import HttpRequest, HttpResponse

from billing import registry
from billing.admin import columns, figures
from billing.admin.columns import column
from billing.admin.theme import ModelAdmin, install_form_classes
from billing.models import Asset, NativePrice, Network


class RegistryAdmin(ModelAdmin):
    """Rows that facts point to: they are added and corrected, never deleted."""

    empty_value_display = figures.EMPTY
    key_fields: tuple[str, ...] = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """What identifies a row is fixed once it exists."""
        return self.key_fields if obj is not None else ()

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """As usual, but without one transaction round it all.

        The registry commits its own change before it reprices in chunks; inside the view's
        transaction its lock would keep ingest waiting until the last payment is rewritten.
        """
        if request.method != "POST":
            return super().changeform_view(request, object_id, form_url, extra_context)
        install_form_classes()  # as the theme's own view does
        return self._changeform_view(request, object_id, form_url, extra_context)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Stored facts refer to it."""
        return False


def network_standing(network: Any) -> str:
    """Whether a network's payments are in the figures."""
    if not network.is_registered:
        return "Not registered"
    return "Testnet" if network.is_testnet else "Registered"


def standing_column() -> columns.Column:
    """`network_standing` as a coloured label."""
    show = column("Standing", network_standing)
    colours = {"Registered": "success", "Testnet": "info", "Not registered": "warning"}
    show.label = colours  # type: ignore[attr-defined]  # how unfold colours a label
    return show


@admin.register(Network)
class NetworkAdmin(RegistryAdmin):
    """Registering a network brings its payments into the figures; a testnet's stay out."""

    key_fields = ("chain_id",)
    ordering = ("is_registered", "is_testnet", "name")  # what waits for a decision comes first
    search_fields = ("chain_id", "name")
    list_filter = ("is_registered", "is_testnet", "family")
    list_display = ("name", "chain", "standing", "native_symbol", "default_asset_shown")
    fields = (
        ("chain_id", "name"),
        ("is_registered", "is_testnet"),
        ("native_symbol", "native_decimals"),
        ("explorer_url", "default_asset"),
    )
    standing = standing_column()
    chain = columns.code("CAIP-2 id", "chain_id")
    default_asset_shown = columns.code("Default asset", "default_asset", keep=8)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the registry, which reprices the network's payments."""
        fields = {key: value for key, value in form.cleaned_data.items() if key != "chain_id"}
        registry.register_network(obj.chain_id, **fields)


@admin.register(Asset)
class AssetAdmin(RegistryAdmin):
    """Giving an asset decimals and a peg prices the payments made in it."""

    key_fields = ("network", "address")
    ordering = (F("usd_peg").asc(nulls_first=True), "network", "address")  # unpriced first
    search_fields = ("address", "symbol")
    list_filter = (("usd_peg", admin.EmptyFieldListFilter), "network")
    list_select_related = ("network",)
    list_display = ("symbol_shown", "network_name", "address_shown", "decimals", "peg")
    fields = (("network", "address"), ("symbol", "decimals", "usd_peg"))
    symbol_shown = column("Symbol", lambda row: row.symbol or "not named")
    network_name = column("Network", lambda row: row.network.name)
    address_shown = columns.code("Address", "address")
    peg = columns.usd("USD per token", "usd_peg")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the registry, which reprices the payments in the asset."""
        fields = {name: form.cleaned_data[name] for name in ("symbol", "decimals", "usd_peg")}
        registered = registry.register_asset(obj.network, obj.address, **fields)
        obj.pk = registered.pk


@admin.register(NativePrice)
class NativePriceAdmin(RegistryAdmin):
    """Prices of native coins; one prices the gas from its moment until the next."""

    list_filter = ("network",)
    list_select_related = ("network",)
    list_display = ("network_name", "price", "since")
    fields = ("network", ("usd", "valid_from"))
    network_name = column("Network", lambda row: row.network.name)
    price = columns.usd("USD per coin", "usd")
    since = columns.moment("From", "valid_from")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """A new price is a new row."""
        return False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Through the registry, which reprices the gas."""
        obj.pk = registry.set_native_price(obj.network, obj.usd, obj.valid_from).pk

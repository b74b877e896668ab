"""What a row refers to, and exact search over indexed columns; nothing here scans a table."""

from django.db.models import OuterRef, Q, Subquery
from django.db.models.functions import Coalesce

from billing.models import Asset, Source


def spellings(term: str) -> list[str]:
    """The term as typed and, where it may be an EVM identifier, as those are stored: lower-case."""
    text = term.strip()
    lower = text.lower()
    return [text, lower] if lower.startswith("0x") and lower != text else [text]


def keyed(term: str, *columns: str) -> Q:
    """Rows where one of the columns is the term, through indexes that begin with the source."""
    sources = list(Source.objects.values_list("pk", flat=True))
    condition = Q(pk__in=[])
    for column in columns:
        condition |= Q(source_id__in=sources, **{column: term.strip()})
    return condition


def among(term: str, *columns: str) -> Q:
    """Rows where one of the columns is the term, in any case when it is an EVM identifier."""
    condition = Q(pk__in=[])
    for column in columns:
        condition |= Q(**{f"{column}__in": spellings(term)})
    return condition


def asset_symbol() -> Subquery:
    """The symbol of a row's asset, else of its network's default asset."""
    return Subquery(
        Asset.objects.filter(
            network=OuterRef("network"),
            address=Coalesce(OuterRef("asset"), OuterRef("network__default_asset")),
        ).values("symbol")[:1]
    )

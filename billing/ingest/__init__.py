"""How facts come in: decode, understand, fold, merge. One transaction per request."""

from billing.ingest.decode import MalformedBody, split
from billing.ingest.door import Receipt, quarantine, receive, replay

__all__ = ["MalformedBody", "Receipt", "quarantine", "receive", "replay", "split"]

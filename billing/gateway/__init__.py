"""Gateways: what they send and export, taken in as facts. See docs/gateways.md."""

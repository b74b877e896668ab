"""Whole runs against a running portal, compared with the oracle; no project code."""

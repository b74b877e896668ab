"""Tests of tokens, roles and the first credentials."""

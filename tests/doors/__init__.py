"""Tests of who is let in where."""

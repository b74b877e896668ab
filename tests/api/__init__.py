"""Tests of the records API and the events door."""

"""A made-up but believable facilitator: its payments as events, sent through the ingest door."""

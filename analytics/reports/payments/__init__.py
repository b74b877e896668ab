"""Reports of a payment facilitator."""

"""The audit trail: who changed what, from what to what, why, and proof that nobody rewrote it."""

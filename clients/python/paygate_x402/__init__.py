"""Reports what an x402 facilitator does to a PayGate portal."""

from paygate_x402.adapter import PayGate, Stats

__all__ = ["PayGate", "Stats"]

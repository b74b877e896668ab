"""Failure reasons reduced to classes, and resources to what was sold."""

from typing import Any

import pytest

from billing.ingest.errors import class_of, scrubbed
from billing.ingest.resources import resource_of

REASONS = {
    "insufficient_funds": [
        "insufficient_funds",
        "invalid_exact_evm_insufficient_balance",
        "permit2_insufficient_balance",
        "invalid_batch_settlement_evm_insufficient_balance",
    ],
    "expired": [
        "invalid_exact_evm_payload_authorization_valid_before",
        "invalid_exact_evm_payload_authorization_valid_after",
        "permit2_deadline_expired",
        "permit2_not_yet_valid",
    ],
    "replay": [
        "invalid_exact_evm_nonce_already_used",
        "permit2_invalid_nonce",
        "duplicate_settlement",
    ],
    "bad_signature": [
        "invalid_exact_evm_payload_signature",
        "invalid_permit2_signature",
        "invalid_exact_evm_failed_to_verify_signature",
    ],
    "mismatch": [
        "recipient_mismatch",
        "authorization_value_mismatch",
        "network_mismatch",
        "mint_mismatch",
        "amount_insufficient",
    ],
    "allowance": ["permit2_allowance_required", "erc20_approval_failed"],
    "chain": [
        "transaction_failed",
        "invalid_transaction_state",
        "invalid_exact_evm_transaction_simulation_failed",
        "evm_transfer_event_mismatch",
        "invalid_exact_evm_transaction_reverted",
    ],
    "unsupported": [
        "unsupported_scheme",
        "invalid_scheme",
        "invalid_network",
        "invalid_x402_version",
        "asset_not_deployed_contract",
        "SchemeNotFoundError: exact",
    ],
    "infra": [
        "unexpected_verify_error",
        "unexpected_settle_error",
        "invalid_evm_rpc_read_failed",
        "ValueError: not a checksum address",
        "web3.exceptions.BadFunctionCallOutput: no code at the address",
        "KeyError('gasUsed')",
        "TypeError",
    ],
    "policy": ["PaymentAbortedError: no", "payer_from_address_kyt", "payee_to_address_kyt"],
    "unknown": ["something nobody has seen", "a_new_reason_error", "An error occurred", ""],
}


@pytest.mark.parametrize(
    ("reason", "name"), [(reason, name) for name, some in REASONS.items() for reason in some]
)
def test_every_reason_has_its_class_and_an_unseen_one_is_unknown(reason: str, name: str) -> None:
    assert class_of(reason) == name


def test_urls_that_may_hold_keys_are_taken_out_of_reasons() -> None:
    assert scrubbed("timeout at https://rpc.example/v2/KEY now\n") == "timeout at [url] now "


@pytest.mark.parametrize(
    ("data", "resource"),
    [
        ({"resource": "https://a.io/users/1?x=2#y"}, "https://a.io/users/1"),
        ({"resource": {"url": "/users/1?x"}, "routeTemplate": "/users/:userId"}, "/users/:userId"),
        (
            {
                "resource": "https://a.io/users/2",
                "extensions": {"bazaar": {"routeTemplate": "/users/:userId"}},
            },
            "https://a.io/users/:userId",
        ),
        ({"resource": "/a", "routeTemplate": "/../b"}, "/a"),
        ({"resource": "/a", "routeTemplate": "http://b"}, "/a"),
        ({"resource": "/a", "routeTemplate": "/%2e%2e"}, "/a"),
        ({"resource": "mcp://s", "toolName": "search"}, "mcp://s#search"),
        ({"resource": "mcp://s", "toolName": "fetch"}, "mcp://s#fetch"),
        ({}, None),
    ],
)
def test_routes_of_one_template_are_one_resource_and_tools_differ(
    data: dict[str, Any], resource: str | None
) -> None:
    assert resource_of(data) == resource

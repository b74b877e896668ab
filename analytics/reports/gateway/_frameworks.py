"""How a compliance export sorts entries of the audit log, and what each framework calls that."""

# Clause, title and description of access control, data processing, configuration changes, security.
FRAMEWORKS: dict[str, tuple[tuple[str, str, str], ...]] = {
    "soc2": (
        (
            "CC6.1",
            "Logical Access Controls",
            "Access provisioning, de-provisioning, key rotation, and authentication events.",
        ),
        (
            "CC7.2",
            "System Operations Monitoring",
            "Tool call processing, credit operations, billing, and data import/export events.",
        ),
        (
            "CC8.1",
            "Change Management",
            "Configuration changes, maintenance windows, template updates, and system"
            " modifications.",
        ),
        (
            "CC6.8",
            "Security Incident Detection",
            "Authentication failures, key revocations, suspicious activity, and security events.",
        ),
    ),
    "gdpr": (
        (
            "Article 25",
            "Data Protection by Design",
            "Access control events demonstrating data protection measures and access management.",
        ),
        (
            "Article 30",
            "Records of Processing Activities",
            "Data processing events including tool calls, data transfers, and billing operations.",
        ),
        (
            "Article 32",
            "Security of Processing",
            "System configuration changes and security measure updates.",
        ),
        (
            "Article 33",
            "Notification of Data Breaches",
            "Security events, authentication failures, and potential breach indicators.",
        ),
    ),
    "hipaa": (
        (
            "§164.312(a)",
            "Access Control",
            "Electronic access control events, user authentication, and authorization management.",
        ),
        (
            "§164.312(b)",
            "Audit Controls",
            "Information system activity records, data processing, and transaction logs.",
        ),
        (
            "§164.312(e)",
            "Transmission Security",
            "System configuration modifications and security parameter changes.",
        ),
        (
            "§164.308(a)(6)",
            "Security Incident Procedures",
            "Security incidents, unauthorized access attempts, and incident response events.",
        ),
    ),
}

_KEYS = "created revoked suspended resumed cloned rotated acl_updated expiry_updated ip_updated"
_ADMIN_KEYS = "created revoked bootstrap_rotated"
_CREDITS = "reserved committed released"
_ATTRIBUTES = "quota_updated tags_updated limit_updated alias_set note_added note_deleted"
_STATES = "created updated deleted"


def _types(subject: str, actions: str) -> list[str]:
    return [f"{subject}.{action}" for action in actions.split()]


# Types of each section, by the name of its parameter.
SECTION_TYPES: dict[str, list[str]] = {
    "access": [
        *_types("key", _KEYS),
        *_types("admin", "auth_failed"),
        *_types("admin_key", _ADMIN_KEYS),
        *_types("oauth", "client_registered token_issued token_revoked"),
        *_types("token", "created revoked"),
        *_types("team", "key_assigned key_removed"),
        *_types("group", "key_assigned key_removed"),
    ],
    "processing": [
        *_types("gate", "allow deny"),
        *_types("key", "topup auto_topped_up credits_transferred"),
        *_types("credits", _CREDITS),
        *_types("billing", "refund"),
        *_types("keys", "exported imported"),
        *_types("admin", "backup_created backup_restored"),
        *_types("stripe", "checkout_created"),
    ],
    "changes": [
        *_types("config", "reloaded export"),
        *_types("maintenance", "enabled disabled"),
        *_types("key", _ATTRIBUTES),
        *_types("admin", "alerts_configured cache_cleared circuit_reset"),
        *_types("template", _STATES),
        *_types("team", _STATES),
        *_types("group", _STATES),
        *_types("webhook_filter", _STATES),
        *_types("schedule", "created executed cancelled"),
    ],
    "security": [
        *_types("admin", "auth_failed"),
        *_types("key", "revoked suspended"),
        *_types("admin_key", "revoked bootstrap_rotated"),
        *_types("oauth", "token_revoked"),
        *_types("token", "revoked"),
    ],
}

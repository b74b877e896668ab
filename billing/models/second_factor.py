"""What proves a member of staff besides the password: django-otp's devices, sealed.

The tables are django-otp's; at most one of each kind a user (migration 0011).
"""

from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from billing.access.sealing import digests, seal, unseal


class Authenticator(TOTPDevice):  # type: ignore[misc]  # django-otp ships no types
    """An app that shows a code every half minute. `key` holds the secret sealed."""

    class Meta:
        proxy = True

    @property
    def bin_key(self) -> bytes:
        """The secret; SealBroken when no secret key opens it."""
        return unseal(self.key, self.user_id)

    def verify_token(self, token: str) -> bool:
        """Check a code; one that fits moves the secret under the newest secret key."""
        fits: bool = super().verify_token(token)
        if fits:
            self.key = seal(self.bin_key, self.user_id)
            self.save(update_fields=["key"])
        return fits


class RecoveryCodes(StaticDevice):  # type: ignore[misc]  # as above
    """Codes on paper, each good for one login. Its tokens are keyed digests of them."""

    class Meta:
        proxy = True

    def verify_token(self, token: str) -> bool:
        """Check a code; one that fits is used up."""
        candidates = digests(token, self.user_id)
        stored = self.token_set.filter(token__in=candidates).values_list("token", flat=True)
        fits: bool = super().verify_token(stored.first() or candidates[0])
        return fits

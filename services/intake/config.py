"""What intake must be told at start."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import chassis.config
from chassis.config import Misconfigured, Secret
from chassis.tokens import Issuer


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(chassis.config.Settings):
    """Intake's configuration."""

    notify_public_key: Secret  # JWK that contacts are sealed to; only notify can open them
    ombudsman_public_keys: Secret  # JWK set; dossiers are sealed to the last, the Ombudsman opens
    tracking_pepper: Secret
    idempotency_pepper: Secret
    number_prefix: str = "KTB"
    reporter_token_key: Secret = field(default=Secret(b""), repr=False)
    receipt_key: Secret = field(default=Secret(b""), repr=False)  # P-256 JWK: signs receipts
    receipts_signed: bool = True

    def tokens(self) -> Issuer:
        """Tells other services that who asks has a report's code."""
        return Issuer("intake", self.reporter_token_key, "REPORTER_TOKEN_KEY_FILE")

    def check(self) -> None:
        """Refuses numbers that could not be read back, and production with receipts that prove
        nothing."""
        super().check()
        if not re.fullmatch("[A-Z]{2,8}", self.number_prefix):
            raise Misconfigured("NUMBER_PREFIX must be two to eight capital letters")
        if self.lapor_env == "production" and not self.receipts_signed:
            raise Misconfigured("RECEIPTS_SIGNED=false is refused in production")

"""Routing's configuration: what every service has, and the key that its API vouches with."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from chassis import config
from chassis.config import Secret
from chassis.tokens import Issuer


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(config.Settings):
    """The common ones, and what tokens for officers are signed with."""

    staff_token_key: Secret = field(default=Secret(b""), repr=False)

    def tokens(self) -> Issuer:
        """Tells other services who is signed in, and which case they may see."""
        return Issuer("routing", self.staff_token_key, "STAFF_TOKEN_KEY_FILE")

    def pepper(self) -> bytes:
        """With it, answers are stored that may hold first passwords: who reads the database and
        guesses a client's Idempotency-Key opens none. Another token key forgets them all."""
        return hmac.digest(self.staff_token_key, b"idempotency", "sha256")

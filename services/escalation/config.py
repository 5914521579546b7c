"""Escalation's configuration. Each secret is needed by one kind of process only, and read there."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

from chassis import config
from chassis.config import Misconfigured, Secret
from chassis.tokens import Reader
from services.escalation.ombudsman.signing import Signers


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(config.Settings):
    """Beside the common ones: the feed's key, the Ombudsman's key (its SHA-256) and the public
    keys that its answers are signed with, the breaker."""

    feed_signing_key: Secret = field(default=Secret(b""), repr=False)
    ombudsman_key: Secret = field(default=Secret(b""), repr=False)
    staff_token_keys: Secret = field(default=Secret(b""), repr=False)
    reporter_token_keys: Secret = field(default=Secret(b""), repr=False)
    ombudsman_signing_keys: Secret = field(default=Secret(b""), repr=False)
    breaker_floor: int = 50
    poke_inside: bool = False  # whether the Ombudsman's receiver may stand on this machine

    def check(self) -> None:
        """Refuses a zone that does not exist: every end of a day depends on it."""
        super().check()
        if self.lapor_env == "production" and self.poke_inside:
            raise Misconfigured("POKE_INSIDE is refused in production")
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError):
            raise Misconfigured("TIME_ZONE must name a time zone such as Asia/Makassar") from None

    @property
    def zone(self) -> ZoneInfo:
        """Where days begin and end."""
        return ZoneInfo(self.time_zone)

    def local_day(self, moment: datetime) -> date:
        """The local day of a moment."""
        return moment.astimezone(self.zone).date()

    def signers(self) -> Signers:
        """What signs the feed."""
        try:
            return Signers(self.feed_signing_key)
        except (ValueError, TypeError, KeyError, AttributeError, JoseError):
            wanted = "FEED_SIGNING_KEY_FILE must hold private Ed25519 JWKs, each with its kid"
            raise Misconfigured(wanted) from None

    def tokens(self, issuer: str) -> Reader:
        """Reads what routing says of officers, or intake of reporters."""
        known = {
            "routing": (self.staff_token_keys, "STAFF_TOKEN_KEYS_FILE"),
            "intake": (self.reporter_token_keys, "REPORTER_TOKEN_KEYS_FILE"),
        }
        return Reader(issuer, self.service, *known[issuer])

    def ombudsman_digests(self) -> list[bytes]:
        """The SHA-256 of the Ombudsman's bearer key: two of them while it is changed."""
        lines = self.ombudsman_key.decode("ascii", "replace").splitlines()
        if len(lines) not in (1, 2) or not all(re.fullmatch("[0-9a-f]{64}", x) for x in lines):
            wanted = "OMBUDSMAN_KEY_FILE must hold the key's SHA-256 in hexadecimal, or two lines"
            raise Misconfigured(wanted)
        return [bytes.fromhex(line) for line in lines]

    def ombudsman_signing(self) -> list[Ed25519PublicKey]:
        """The keys that the Ombudsman's answers may be signed with: several while they change."""
        try:
            found = json.loads(self.ombudsman_signing_keys)["keys"]
            keys = [OKPKey.import_key(each) for each in found]
        except (ValueError, KeyError, TypeError, JoseError):
            keys = []
        public = [k.public_key for k in keys if not k.is_private]
        if not public or not all(isinstance(key, Ed25519PublicKey) for key in public):
            wanted = "OMBUDSMAN_SIGNING_KEYS_FILE must hold a JWK set of public Ed25519 keys"
            raise Misconfigured(wanted)
        return public

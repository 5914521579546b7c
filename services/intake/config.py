"""What intake must be told at start."""

from __future__ import annotations

from dataclasses import dataclass

import chassis.config
from chassis.config import Secret


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(chassis.config.Settings):
    """Intake's configuration."""

    notify_public_key: Secret  # JWK that contacts are sealed to; only notify can open them
    tracking_pepper: Secret
    idempotency_pepper: Secret
    number_prefix: str = "KTB"

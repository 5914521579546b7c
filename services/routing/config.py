"""Routing's configuration: only what every service has. It holds no secret but its passwords'
hashes, and those are in its database."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import config


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(config.Settings):
    """The common ones."""

"""Notify has nothing to tell over HTTP: who reporters are leaves it as messages to them only.

The process exists so that every service is run, watched and scaled alike.
"""

from __future__ import annotations

from typing import Any

import falcon

from chassis import web

SECURITY: dict[str, Any] = {}


def routes(settings: Any, db: Any, clock: Any) -> dict[str, Any]:
    """None."""
    return {}


def app(settings: Any, db: Any, clock: Any) -> falcon.App[Any, Any]:
    """An application that answers 404 to everything."""
    return web.app("notify", routes(settings, db, clock))

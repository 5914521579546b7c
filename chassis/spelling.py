"""What stands in an address, as it is kept: read before anybody sees it."""

from __future__ import annotations

import re

import falcon

# A person's own number, which is no name for anything here: no database is asked for it.
PERSONAL = re.compile("[0-9]{16}")


def as_kept(text: str, shape: re.Pattern[str]) -> str:
    """What was typed, as it is kept; small letters do for what is kept in capitals. Nothing of what
    it cannot be: that may be anything, and nothing is found under nothing."""
    fitting = next((one for one in (text, text.upper()) if shape.fullmatch(one)), "")
    return "" if PERSONAL.fullmatch(fitting) else fitting


class Spelling:
    """Middleware: each part of an address by its name, as `shapes` tell it."""

    def __init__(self, **shapes: re.Pattern[str]) -> None:
        self._shapes = shapes

    def process_resource(
        self, req: falcon.Request, resp: falcon.Response, resource: object, params: dict[str, str]
    ) -> None:
        """So that no operation and no record can tell the spellings apart."""
        for name in params.keys() & self._shapes.keys():
            params[name] = as_kept(params[name], self._shapes[name])

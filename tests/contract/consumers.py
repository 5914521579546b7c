"""For a consumer's own tests: does what it reads fit what may come?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import contracts


def every(type: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each example of a type: its name, and its data with a field that a later version may add."""
    for case, document in contracts.examples(type).items():
        yield f"{type}/{case}", document["data"] | {"added_later": {"by": "a newer producer"}}


def refused(schema: Any, type: str) -> dict[str, Any]:
    """The examples of `type` that a marshmallow schema does not load, and why; empty is good."""
    errors = {case: schema().validate(data) for case, data in every(type)}
    return {case: error for case, error in errors.items() if error}

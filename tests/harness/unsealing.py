"""Opens what was sealed for the Ombudsman, with the private key that only the Ombudsman has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from joserfc import jwe
from joserfc.jwk import ECKey
from joserfc.registry import HeaderParameter


def private_key(secrets: Path) -> dict[str, str]:
    """The key that was made for the Ombudsman, while it has not left."""
    return dict(json.loads((secrets / "ombudsman-private-key.json").read_text()))


def opened(sealed: str, private: Mapping[str, str], number: str) -> dict[str, Any]:
    """What stands in an envelope; fails when it is another case's."""
    registry = jwe.JWERegistry(
        header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
        algorithms=["ECDH-ES", "A256GCM"],
    )
    found = jwe.decrypt_compact(sealed, ECKey.import_key(dict(private)), registry=registry)
    assert found.protected["sub"] == number
    assert found.plaintext is not None
    return dict(json.loads(found.plaintext))

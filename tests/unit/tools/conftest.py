"""A regency that means harm, and an office that has pinned its key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from joserfc.jwk import ECKey, OKPKey

from tests.harness.outside import Outside
from tests.unit.tools.regency import Regency, served


@pytest.fixture
def regency() -> Regency:
    made = Regency()
    made.append()
    return made


@pytest.fixture
def outside(regency: Regency, tmp_path: Path) -> Iterator[Outside]:
    signing, opening = OKPKey.generate_key("Ed25519"), ECKey.generate_key("P-256", {"kid": "o"})
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "ombudsman-bearer-key").write_text("bearer")
    for name, key in (("signing-key", signing), ("private-key", opening)):
        file = secrets / f"ombudsman-{name}.json"
        file.write_text(json.dumps(key.as_dict(private=True)))
    with served(regency) as url:
        made = Outside(tmp_path / "state", url, secrets)
        (made.folder / "keys.json").write_text(json.dumps(regency.keys()))
        yield made

"""A regency that means harm, and an office that has pinned its key."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey

from tests.harness.outside import PROGRAM, Outside
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


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """A module of the client by its name; it stands alone, and so do its modules' names."""
    monkeypatch.syspath_prepend(str(PROGRAM.parent))
    yield importlib.import_module
    for file in PROGRAM.parent.glob("*.py"):
        sys.modules.pop(file.stem, None)


@pytest.fixture
def store(own: Callable[[str], Any]) -> Any:
    """What it keeps."""
    return own("store")


@pytest.fixture
def following(own: Callable[[str], Any]) -> Any:
    """How it follows."""
    return own("followed")

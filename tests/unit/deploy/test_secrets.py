"""Every secret is made once, and is its owner's alone."""

import hashlib
import json
from pathlib import Path

import pytest

from deploy import secrets
from deploy.local.environment import SECRET_FILES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secrets.make(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_each_file_can_be_read_by_its_owner_only(folder: Path) -> None:
    assert {oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} == {"0o400"}
    assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_a_second_run_rotates_nothing(folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    secrets.make(folder)

    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} <= {"definitions.json"}


def test_a_deleted_file_is_a_rotated_secret(folder: Path) -> None:
    before = secrets.read(folder, "ombudsman-bearer-key")
    (folder / "ombudsman-bearer-key").unlink()

    secrets.make(folder)

    fresh = secrets.read(folder, "ombudsman-bearer-key")
    assert fresh != before
    expected = hashlib.sha256(fresh.encode()).hexdigest()
    assert secrets.read(folder, "ombudsman-key-hash") == expected


def test_no_two_secrets_are_alike(folder: Path) -> None:
    texts = [file.read_text() for file in folder.iterdir()]

    assert len(texts) == len(set(texts))


def test_the_public_key_is_the_private_one_without_its_secret(folder: Path) -> None:
    private = json.loads(secrets.read(folder, "notify-private-key.json"))
    public = json.loads(secrets.read(folder, "notify-public-key.json"))

    assert public == {name: value for name, value in private.items() if name != "d"}
    assert "d" in private


def test_every_file_that_a_service_is_told_of_is_made(folder: Path) -> None:
    told = {file for files in SECRET_FILES.values() for file in files.values()}

    assert told <= {file.name for file in folder.iterdir()}

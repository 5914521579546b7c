"""Every secret is made once, and is its owner's alone."""

import base64
import hashlib
import json
import os
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from joserfc.jwk import ECKey, OKPKey

from chassis.errors import Poison
from deploy import secrets
from deploy.local.environment import SECRET_FILES
from services.escalation.ombudsman.signing import Signers
from services.intake.sealing import Sealer
from services.notify import keyring
from services.notify.keyring import Keyring, Unreadable, Wrapped
from services.notify.sealing import Opener

NUMBER = "KTB-12345-67890"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    secrets.make(tmp_path / "secrets")
    return tmp_path / "secrets"


def test_each_file_can_be_read_by_its_owner_only(folder: Path) -> None:
    assert {oct(file.stat().st_mode & 0o777) for file in folder.iterdir()} == {"0o400"}
    assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_each_file_is_on_disk_before_it_has_its_name_and_its_name_before_the_next(
    tmp_path: Path,
) -> None:
    folder, deeds = tmp_path / "secrets", list[tuple[str, dict[str, bytes]]]()

    def opened() -> dict[str, bytes]:
        """What is open below the folder, or the folder, and what a reader finds there by now."""
        paths = [Path(os.path.realpath(each)) for each in Path("/proc/self/fd").iterdir()]
        ours = [path for path in paths if folder in (path, path.parent)]
        return {path.name: b"" if path == folder else path.read_bytes() for path in ours}

    def notice(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and called in (os.fsync, os.rename):
            deeds.append((called.__name__, opened()))

    before = sys.getprofile()
    sys.setprofile(notice)
    try:
        secrets.make(folder)
    finally:
        sys.setprofile(before)

    written = [content for deed, content in deeds[::3]]
    assert deeds == [
        deed
        for content in written
        for deed in (("fsync", content), ("rename", {}), ("fsync", {folder.name: b""}))
    ]
    last = {name: text for content in written for name, text in content.items()}
    assert last == {f"{file.name}.new": file.read_bytes() for file in folder.iterdir()}


def test_a_second_run_rotates_nothing(folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}

    secrets.make(folder)

    after = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert before.keys() == after.keys()
    assert {name for name in before if before[name] != after[name]} <= {"definitions.json"}


def test_a_key_and_its_hash_that_are_deleted_are_made_anew(folder: Path) -> None:
    before = secrets.read(folder, "ombudsman-bearer-key")
    (folder / "ombudsman-bearer-key").unlink()
    (folder / "ombudsman-key-hash").unlink()

    secrets.make(folder)

    fresh = secrets.read(folder, "ombudsman-bearer-key")
    assert fresh != before
    expected = hashlib.sha256(fresh.encode()).hexdigest()
    assert secrets.read(folder, "ombudsman-key-hash") == expected


def test_the_ombudsmans_key_may_leave_the_machine(folder: Path) -> None:
    hashed = secrets.read(folder, "ombudsman-key-hash")
    (folder / "ombudsman-bearer-key").unlink()

    secrets.make(folder)

    assert not (folder / "ombudsman-bearer-key").exists()
    assert secrets.read(folder, "ombudsman-key-hash") == hashed


def test_the_ombudsman_has_two_keys_while_they_are_changed_and_never_three(folder: Path) -> None:
    def hashed() -> str:
        return hashlib.sha256(secrets.read(folder, "ombudsman-bearer-key").encode()).hexdigest()

    first = hashed()
    secrets.add_bearer_key(folder)
    second = hashed()
    secrets.make(folder)
    assert secrets.read(folder, "ombudsman-key-hash").split() == [first, second]

    secrets.add_bearer_key(folder)
    third = hashed()
    assert secrets.read(folder, "ombudsman-key-hash").split() == [second, third]

    (folder / "ombudsman-bearer-key").unlink()
    secrets.drop_bearer_key(folder)
    secrets.make(folder)
    assert secrets.read(folder, "ombudsman-key-hash") == third


@pytest.mark.parametrize("name", secrets.IRREPLACEABLE)
def test_what_cannot_be_replaced_is_not_made_again(folder: Path, name: str) -> None:
    (folder / name).unlink()

    with pytest.raises(secrets.Missing, match=name):
        secrets.make(folder)

    assert not (folder / name).exists()


@pytest.mark.parametrize("made", range(4))
def test_a_first_run_that_was_interrupted_goes_on(folder: Path, made: int) -> None:
    everything = {file.name for file in folder.iterdir()}
    for name in everything - set(list(secrets.IRREPLACEABLE)[:made]):
        (folder / name).unlink()

    secrets.make(folder)

    assert {file.name for file in folder.iterdir()} == everything


def test_identities_are_kept_under_a_new_key_while_the_old_one_still_opens_its_own(
    folder: Path,
) -> None:
    def keys() -> Keyring:
        return keyring.read((folder / "kek.json").read_bytes())

    def opens(sealed: tuple[Wrapped, dict[str, bytes]]) -> bool:
        try:
            return keys().open(NUMBER, sealed[0], "reach", sealed[1]["reach"]).strip() == b"Siti"
        except Unreadable:
            return False

    old = keys().seal(NUMBER, {"reach": b"Siti"})
    secrets.add_kek(folder)
    secrets.make(folder)
    new = keys().seal(NUMBER, {"reach": b"Siti"})
    assert (old[0].kek, new[0].kek, opens(old), opens(new)) == (1, 2, True, True)

    backup = (folder / "kek.json").read_text()
    secrets.drop_keks(folder)
    assert (opens(old), opens(new)) == (False, True)

    secrets.add_kek(folder)
    assert keys().current == 3
    secrets.restore_keks(folder, backup)
    assert (keys().current, opens(old), opens(new)) == (3, True, True)


def test_no_key_of_a_backup_takes_the_place_of_one_that_is_here(folder: Path) -> None:
    before = (folder / "kek.json").read_text()
    other = json.dumps({"current": 1, "keys": {"1": base64.b64encode(bytes(32)).decode()}})

    with pytest.raises(ValueError, match="another key"):
        secrets.restore_keks(folder, other)

    assert (folder / "kek.json").read_text() == before


@pytest.mark.parametrize("old_kind", [False, True], ids=["X25519", "P-256"])
def test_contacts_are_sealed_to_a_new_key_while_the_old_one_still_opens_its_own(
    folder: Path, old_kind: bool
) -> None:
    """The old one may be of the kind that installations had before."""
    if old_kind:
        key = ECKey.generate_key("P-256").as_dict(private=True) | {"kid": "old"}
        (folder / "notify-private-key.json").unlink()
        (folder / "notify-private-key.json").write_text(json.dumps(key))
        secrets.make(folder)

    def sealed_now() -> str:
        sealer = Sealer((folder / "notify-public-key.json").read_bytes())
        return sealer.seal({"name": "Siti"}, "KTB-12345-67890")

    def opens(sealed: str) -> bool:
        opener = Opener((folder / "notify-private-key.json").read_bytes())
        try:
            return b"Siti" in opener.open(sealed, "KTB-12345-67890")
        except Poison:
            return False

    old = sealed_now()
    secrets.add_key(folder)
    new = sealed_now()
    assert (opens(old), opens(new)) == (True, True)
    assert '"d"' not in secrets.read(folder, "notify-public-key.json")

    secrets.drop_keys(folder)
    assert (opens(old), opens(new), opens(sealed_now())) == (False, True, True)


def test_the_ombudsmans_private_key_may_leave_and_no_other_is_made(folder: Path) -> None:
    public = secrets.read(folder, secrets.OMBUDSMAN_PUBLIC)
    (folder / secrets.OMBUDSMAN_PRIVATE).unlink()

    secrets.make(folder)

    assert not (folder / secrets.OMBUDSMAN_PRIVATE).exists()
    assert secrets.read(folder, secrets.OMBUDSMAN_PUBLIC) == public
    assert '"d"' not in public


def test_dossiers_are_sealed_to_the_last_key_that_the_ombudsman_gives(folder: Path) -> None:
    theirs = [{**ECKey.generate_key("P-256").as_dict(private=True), "kid": k} for k in ("a", "b")]
    public = [{name: value for name, value in key.items() if name != "d"} for key in theirs]

    secrets.ombudsman_keys(folder, json.dumps({"keys": public}))
    secrets.make(folder)

    assert Sealer((folder / secrets.OMBUDSMAN_PUBLIC).read_bytes()).key_id == "b"
    assert not (folder / secrets.OMBUDSMAN_PRIVATE).exists()
    for wrong in ({"keys": theirs}, {"keys": []}, {"keys": [public[0] | {"kid": ""}]}):
        with pytest.raises(ValueError, match=r"key|empty"):
            secrets.ombudsman_keys(folder, json.dumps(wrong))


def test_the_demonstrations_key_signs_no_answer_once_the_ombudsman_has_given_its_own(
    folder: Path,
) -> None:
    demonstrations = json.loads(secrets.read(folder, secrets.SIGNED_WITH))["keys"]
    key = OKPKey.generate_key("Ed25519").as_dict(private=True) | {"kid": "theirs"}
    public = {name: value for name, value in key.items() if name != "d"}
    (folder / secrets.SIGNED_WITH).unlink()
    secrets.make(folder)
    assert json.loads(secrets.read(folder, secrets.SIGNED_WITH))["keys"] == demonstrations

    secrets.ombudsman_signing_keys(folder, json.dumps({"keys": [public]}))
    secrets.make(folder)

    assert json.loads(secrets.read(folder, secrets.SIGNED_WITH)) == {"keys": [public]}
    assert not (folder / secrets.SIGNS).exists()
    opens = {**OKPKey.generate_key("X25519").as_dict(private=False), "kid": "opens"}
    for wrong in (key, public | {"kid": ""}, opens):
        with pytest.raises(ValueError, match="not a set of public keys"):
            secrets.ombudsman_signing_keys(folder, json.dumps({"keys": [wrong]}))


def test_only_the_key_that_leaves_opens_what_is_sealed_to_the_ombudsman(folder: Path) -> None:
    """Every key that stays is tried, under the name of the right one; the right one is the
    negative control."""
    sealed = Sealer((folder / secrets.OMBUDSMAN_PUBLIC).read_bytes()).seal({}, "KTB-12345-67890")
    private = json.loads(secrets.read(folder, secrets.OMBUDSMAN_PRIVATE))
    leave = (secrets.OMBUDSMAN_PRIVATE, "ombudsman-bearer-key", "ombudsman-signing-key.json")

    def opens(**other: str) -> bool:
        try:
            opener = Opener(json.dumps(private | other).encode())
            return opener.open(sealed, "KTB-12345-67890").strip() == b"{}"
        except (Poison, ValueError):
            return False

    stays = [file.read_text().strip() for file in folder.iterdir() if file.name not in leave]
    tried = {word for text in stays for word in re.findall(r"[A-Za-z0-9_/+=-]{20,}", text)}
    notifys = json.loads(secrets.read(folder, "notify-private-key.json"))
    assert notifys["d"] in tried
    assert private["d"] not in tried
    assert not any(opens(d=secret) for secret in tried)
    assert not opens(**notifys | {"kid": private["kid"]})
    assert opens()


def test_the_feed_gets_one_more_key_and_keeps_the_newest_when_told(folder: Path) -> None:
    def kids() -> list[str]:
        return list(Signers((folder / "feed-signing-key.json").read_bytes())._held)

    [first] = kids()
    secrets.add_feed_key(folder)
    old, newest = kids()
    assert old == first != newest

    secrets.drop_feed_keys(folder)
    assert kids() == [newest]


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

"""Makes every secret of an installation as a file of its own, once.

    python -m deploy.secrets DIR                  make what is missing
    python -m deploy.secrets DIR add-key          contacts are sealed to a new key from now on
    python -m deploy.secrets DIR drop-keys        only the newest key opens contacts from now on,
                                                 once notify's worker is restarted
    python -m deploy.secrets DIR ombudsman-keys   dossiers are sealed to the last key of the public
                                                  set on standard input from now on
    python -m deploy.secrets DIR ombudsman-signing-keys  only these public keys of the Ombudsman's,
                                                  a set as above, sign answers from now on
    python -m deploy.secrets DIR add-feed-key     one more key that the feed can be signed with
    python -m deploy.secrets DIR drop-feed-keys   only the newest of them is kept
    python -m deploy.secrets DIR add-bearer-key   a new key lets the Ombudsman in, beside the last
    python -m deploy.secrets DIR drop-bearer-key  only the newest of the two still does
    python -m deploy.secrets DIR add-kek          identities are kept under a new key from now on
    python -m deploy.secrets DIR drop-keks        only the current one of those is kept
    python -m deploy.secrets DIR restore-keks     those of the `kek.json` on standard input, which a
                                                  backup had, open theirs again; none is overwritten

Files that exist are kept, so a second run rotates nothing; what only follows from others (public
halves, hashes, the broker's definitions) is written anew. A deleted password is made again, and so
is changed; a deleted `kek.json` is not: nothing that it sealed could be read again. Each file is
readable by its owner only. `ombudsman-bearer-key`, `ombudsman-private-key.json` (opens) and
`ombudsman-signing-key.json` (signs) are the Ombudsman's and leave the machine after hand-over: the
hash and the public keys stay, and as long as they do, no others are made. An Ombudsman who has keys
gives the public ones: no private one is ever here. All else stays.
"""

import base64
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey, OKPKey, import_key

from deploy.rabbitmq.definitions import SERVICES, USERS, definitions

DATABASE = "{}-database-password"
KEKS = "kek.json"  # identities in notify's database
NOTIFYS, FEEDS = "notify-private-key.json", "feed-signing-key.json"
SIGNS, SIGNED_WITH = "ombudsman-signing-key.json", "ombudsman-signing-keys.json"
OWNER = "{}-owner-password"  # of the role that its tables belong to: for migrating only
BROKER = "{}-amqp-password"
TOKENS = ("staff-token", "reporter-token")  # their public halves are `<name>-public-keys.json`
BEARER, BEARERS = "ombudsman-bearer-key", "ombudsman-key-hash"  # a line for each that lets in
RECEIPTS = "receipt-key.json"
OMBUDSMAN_PRIVATE = "ombudsman-private-key.json"
OMBUDSMAN_PUBLIC = "ombudsman-public-keys.json"
# Made before all others, in this order: where one is missing and a later file is not, it was lost.
IRREPLACEABLE = {
    KEKS: "No record that it sealed can be read without it. If it is lost for good, write one"
    ' under a version that was never used: {"current": 2, "keys": {"2": "<base64 of 32 bytes>"}}.',
    "notify-private-key.json": "No contact on its way opens without it.",
    "tracking-pepper": "No reporter's code works without it.",
}


class Missing(SystemExit):
    """A file is gone that must not be made anew; the text says what to do."""


def make(folder: Path) -> None:
    """Makes what is missing in `folder`, which is the owner's alone. Raises Missing."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    _refuse_to_replace(folder)
    _once(folder / KEKS, _key_encryption_keys)
    _once(folder / "notify-private-key.json", lambda: _exported(_contacts_key()))
    _once(folder / "tracking-pepper", _pepper)
    for service in SERVICES:
        _once(folder / DATABASE.format(service), _password)
        _once(folder / OWNER.format(service), _password)
    for user in USERS:
        _once(folder / BROKER.format(user), _password)
    _once(folder / "idempotency-pepper", _pepper)
    for name in ("feed-signing", *TOKENS):
        _once(folder / f"{name}-key.json", lambda: _exported(OKPKey.generate_key("Ed25519")))
    _once(folder / RECEIPTS, lambda: _exported(ECKey.generate_key("P-256")))
    if not (folder / BEARERS).exists():
        _once(folder / BEARER, lambda: secrets.token_urlsafe(32))
    if not (folder / OMBUDSMAN_PUBLIC).exists():
        _once(folder / OMBUDSMAN_PRIVATE, lambda: _exported(ECKey.generate_key("P-256")))
    if not (folder / SIGNED_WITH).exists():
        _once(folder / SIGNS, lambda: _exported(OKPKey.generate_key("Ed25519")))
    _derive(folder)


def ombudsman_keys(folder: Path, document: str) -> None:
    """Dossiers are sealed to the last key of this set from now on; the Ombudsman keeps the private
    halves. Raises ValueError for anything but public keys with ids."""
    _write(folder / OMBUDSMAN_PUBLIC, _public_set(document, "P-256", "X25519"))
    (folder / OMBUDSMAN_PRIVATE).unlink(missing_ok=True)


def ombudsman_signing_keys(folder: Path, document: str) -> None:
    """Only these sign the Ombudsman's answers from now on: the demonstration's key, whose public
    half would come back, is destroyed. Raises ValueError for anything but public keys with ids."""
    _write(folder / SIGNED_WITH, _public_set(document, "Ed25519"))
    (folder / SIGNS).unlink(missing_ok=True)


def add_key(folder: Path) -> None:
    """Adds a key that contacts are sealed to from now on; the old ones still open theirs."""
    _keep(folder, NOTIFYS, [*_private_keys(folder), _made(_contacts_key())])


def drop_keys(folder: Path) -> None:
    """Destroys every key but the newest: what was sealed to the others opens no more."""
    _keep(folder, NOTIFYS, _private_keys(folder)[-1:])


def add_feed_key(folder: Path) -> None:
    """Adds a key that may sign the feed; which one does, escalation's command decides."""
    _keep(folder, FEEDS, [*_private_keys(folder, FEEDS), _made(OKPKey.generate_key("Ed25519"))])


def drop_feed_keys(folder: Path) -> None:
    """Destroys every key but the newest, once that one signs: what the others signed still holds,
    by their public halves."""
    _keep(folder, FEEDS, _private_keys(folder, FEEDS)[-1:])


def add_bearer_key(folder: Path) -> None:
    """Makes a new key that lets the Ombudsman in; the last one before it still does."""
    fresh = secrets.token_urlsafe(32)
    _write(folder / BEARERS, "\n".join([*_bearers(folder)[-1:], _hashed(fresh)]))
    _write(folder / BEARER, fresh)


def drop_bearer_key(folder: Path) -> None:
    """Only the newest of the Ombudsman's keys lets in from now on."""
    _write(folder / BEARERS, _bearers(folder)[-1])


def add_kek(folder: Path) -> None:
    """Adds the next version of the key that identities are kept under and makes it current; the
    old ones still open theirs, until notify's `rewrap` has moved all to it."""
    keys = _keks(folder)["keys"]
    newest = max(map(int, keys)) + 1
    _write_keks(folder, newest, keys | {str(newest): _pepper()})


def restore_keks(folder: Path, document: str) -> None:
    """Brings back the versions of an older `kek.json` that are not here: what they sealed opens
    again. Raises ValueError where one that is here is another key."""
    now, then = _keks(folder), json.loads(document)["keys"]
    if any(now["keys"].get(version, key) != key for version, key in then.items()):
        raise ValueError("another key has that version here")
    _write_keks(folder, int(now["current"]), then | now["keys"])


def drop_keks(folder: Path) -> None:
    """Destroys every version but the current one: what `rewrap` did not move opens no more."""
    kept = _keks(folder)
    current = int(kept["current"])
    _write_keks(folder, current, {str(current): kept["keys"][str(current)]})


def read(folder: Path, name: str) -> str:
    """One secret, as text."""
    return (folder / name).read_text().strip()


def _derive(folder: Path) -> None:
    """Rewrites what follows from the other files, so that rotating one of those is enough."""
    newest = _private_keys(folder)[-1]
    _write(folder / "notify-public-key.json", json.dumps(_without_secret(newest)))
    for name in TOKENS:
        public = _without_secret(json.loads(read(folder, f"{name}-key.json")))
        _write(folder / f"{name}-public-keys.json", json.dumps({"keys": [public]}))
    if (folder / BEARER).exists():
        last = _hashed(read(folder, BEARER))
        _write(folder / BEARERS, "\n".join([*_bearers(folder)[:-1], last]))
    if (folder / OMBUDSMAN_PRIVATE).exists():
        theirs = _without_secret(json.loads(read(folder, OMBUDSMAN_PRIVATE)))
        _write(folder / OMBUDSMAN_PUBLIC, json.dumps({"keys": [theirs]}))
    passwords = {user: read(folder, BROKER.format(user)) for user in USERS}
    if (folder / SIGNS).exists():
        _write(folder / SIGNED_WITH, _with_public(folder / SIGNED_WITH, read(folder, SIGNS)))
    _write(folder / "definitions.json", json.dumps(definitions(passwords), indent=1))


def _public_set(document: str, *curves: str) -> str:
    """The JWK set, if it is one of public keys of these curves. Raises ValueError."""
    keys = json.loads(document)["keys"]
    for jwk in keys:
        key = import_key(jwk)
        known = isinstance(key, ECKey | OKPKey) and key.curve_name in curves
        if not known or key.is_private or not key.kid:
            raise ValueError(f"not a set of public keys of {' or '.join(curves)} with a kid each")
    if not keys:
        raise ValueError("an empty set")
    return json.dumps({"keys": keys})


def _bearers(folder: Path) -> list[str]:
    """The hashes of the keys that let the Ombudsman in, oldest first."""
    file = folder / BEARERS
    return file.read_text().split() if file.exists() else []


def _hashed(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _private_keys(folder: Path, name: str = NOTIFYS) -> list[dict[str, str]]:
    """The private JWKs of a file, oldest first."""
    document = json.loads(read(folder, name))
    return list(document.get("keys", [document]))


def _keep(folder: Path, name: str, keys: list[dict[str, str]]) -> None:
    _write(folder / name, json.dumps({"keys": keys}))
    _derive(folder)


def _keks(folder: Path) -> dict[str, Any]:
    return dict(json.loads(read(folder, KEKS)))


def _write_keks(folder: Path, current: int, keys: dict[str, str]) -> None:
    _write(folder / KEKS, json.dumps({"current": current, "keys": keys}))


def _contacts_key() -> OKPKey:
    return OKPKey.generate_key("X25519")  # cheaper than P-256 to seal to, and to open with


def _made(key: ECKey | OKPKey) -> dict[str, str]:
    return dict(json.loads(_exported(key)))


def _refuse_to_replace(folder: Path) -> None:
    there = {file.name for file in folder.iterdir() if file.suffix != ".new"}
    for name, why in IRREPLACEABLE.items():
        if name not in there and there:
            raise Missing(f"{folder / name} is gone. Bring it back from its backup. {why}")
        there.discard(name)


def _once(file: Path, value: Callable[[], str]) -> None:
    if not file.exists():
        _write(file, value())


def _write(file: Path, value: str) -> None:
    """Replaces a file at once; never readable by others, not even for a moment."""
    fresh = file.with_name(file.name + ".new")
    fresh.unlink(missing_ok=True)
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400), "w") as target:
        target.write(value)
        target.flush()
        os.fsync(target.fileno())  # what it opens is on disk soon, and nothing else opens that
    fresh.rename(file)
    folder = os.open(file.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _pepper() -> str:
    """32 random bytes."""
    return base64.b64encode(os.urandom(32)).decode()


def _password() -> str:
    return secrets.token_urlsafe(24)  # also safe inside an address


def _key_encryption_keys() -> str:
    return json.dumps({"current": 1, "keys": {"1": _pepper()}})


def _exported(key: ECKey | OKPKey) -> str:
    """A private JWK with its thumbprint as key id."""
    return json.dumps({**key.as_dict(private=True), "kid": key.thumbprint()})


def _without_secret(jwk: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in jwk.items() if name != "d"}


def _with_public(file: Path, private: str) -> str:
    """The JWK set in the file, if there is one, with this key's public half in it."""
    kept = json.loads(file.read_text())["keys"] if file.exists() else []
    public = _without_secret(json.loads(private))
    return json.dumps({"keys": [*(key for key in kept if key != public), public]})


def main() -> None:
    told = sys.argv[1:]
    commands = {"add-key": add_key, "drop-keys": drop_keys}
    commands |= {"add-feed-key": add_feed_key, "drop-feed-keys": drop_feed_keys}
    commands |= {"add-bearer-key": add_bearer_key, "drop-bearer-key": drop_bearer_key}
    commands |= {"add-kek": add_kek, "drop-keks": drop_keks}
    given = {"ombudsman-keys": ombudsman_keys, "ombudsman-signing-keys": ombudsman_signing_keys}
    given |= {"restore-keks": restore_keks}
    if len(told) == 1:
        make(Path(told[0]))
    elif len(told) == 2 and told[1] in commands:
        commands[told[1]](Path(told[0]))
    elif len(told) == 2 and told[1] in given:
        given[told[1]](Path(told[0]), sys.stdin.read())
    else:
        known = " | ".join([*commands, *given])
        sys.exit(f"usage: python -m deploy.secrets DIR [{known}]")


if __name__ == "__main__":
    main()

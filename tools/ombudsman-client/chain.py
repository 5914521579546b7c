"""What proves the feed: each entry is hashed onto the one before it and signed by a known key.

hash      = SHA-256(bytes of the hash before || RFC 8785 form of the entry without its proof)
signature = Ed25519 by key `kid` over the 32 bytes of the hash

A key is known because a person pinned it, or because an entry announced it that a known key signed.
Its name is its SHA-256 thumbprint (RFC 7638). One that another has followed signs no more, and one
that was withdrawn never. A checkpoint is signed over its own RFC 8785 form, and so is a pulse,
which alone has a `type`.
"""

import base64
import hashlib
import json
import re
from contextlib import contextmanager

import rfc8785
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = "00" * 32
PROOF = ("prevhash", "hash", "signature", "kid")
EPOCH_OPENED = "feed.epoch.opened.v1"
PULSE = "feed.pulse"
KEY_ANNOUNCED = "feed.key.announced.v1"
KEY_WITHDRAWN = "feed.key.withdrawn.v1"
HANDED_OVER = "feed.case.handed_over.v1"
LENGTH = 32  # bytes of a hash
DEEPEST = 100  # lists or objects within each other; what others write has some ten
NUMBER = re.compile(r"[A-Z]{2,8}-[0-9]{5}-[0-9]{5}")
# What comes of reading what is not of the form that it should have.
FORM = (AttributeError, KeyError, TypeError, ValueError, RecursionError)


class Broken(Exception):
    """What does not hold: which entry of which stream (or which key), by which check, and what it
    stood in."""

    def __init__(self, stream, what, check, page=None):
        named = f"entry {what}" if isinstance(what, int) else what
        super().__init__(f"{stream}: {named} does not hold ({check})")
        self.stream, self.what, self.check, self.page = stream, what, check, page


def is_number(text):
    """Whether it has the form of a report's number, and so can stand in a path."""
    return isinstance(text, str) and NUMBER.fullmatch(text) is not None


def public_keys(jwks):
    """The Ed25519 keys of a JWK set, by name. Raises Broken for one whose name is not its
    thumbprint, and one of FORM for what is no key."""
    found = {}
    for jwk in jwks["keys"]:
        if (key := public_key(jwk)) is not None:
            if thumbprint(key) != jwk["kid"]:
                raise Broken("keys", f"key {jwk['kid']}", "thumbprint", jwks)
            found[jwk["kid"]] = key
    return found


def public_key(jwk):
    """The key of a JWK; None if it is of another kind than the feed's. Raises one of FORM."""
    if jwk.get("crv") != "Ed25519":
        return None
    return Ed25519PublicKey.from_public_bytes(unbase64(jwk["x"]))


def thumbprint(key):
    """The name of a key by RFC 7638: no two have the same."""
    x = _base64(key.public_bytes_raw())
    told = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"))
    return _base64(hashlib.sha256(told.encode()).digest())


def _base64(value):
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_signed(key, signature, message):
    """Whether it is this key's, over this message."""
    try:
        key.verify(unbase64(signature), message)
    except (AttributeError, ValueError, TypeError, InvalidSignature):
        return False
    return True


def is_deep(value, most=DEEPEST):
    """Whether more than so many lists or objects stand within each other there: it may not be
    written again, or not read."""
    inside = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(is_deep(one, most - 1) for one in inside)


class Chain:
    """One stream as far as it was checked. `take` and `hold` raise Broken."""

    def __init__(self, stream, keys):
        """`keys` gives a pinned key by its name, or None."""
        self.stream, self._pinned = stream, keys
        self.epoch, self.position, self.hash = None, 0, GENESIS
        self.announced = []  # JWKs that the chain itself vouches for
        self._announced = {}  # the same as keys, by name
        self.withdrawn = []  # names of keys that will never sign
        self.elsewhere = frozenset()  # the same, of what another stream says
        self._signed_by, self._epochs = [], []  # names; (first position, epoch)
        self._hashes = bytearray()  # of all that was taken

    def take(self, entry):
        """One more entry; whether it is new. One that is here already must be the same."""
        with self._formed():
            return self._take(entry)

    def hold(self, checkpoint):
        """Raises Broken unless it is signed and tells of the entry that stands at its place. What
        has a type is none, though it be signed: whoever stands between has pulses too."""
        with self._formed():
            self._hold(checkpoint)
            self._check("type" not in checkpoint, checkpoint["position"], "form")

    def bears_out(self, pulse):
        """Raises Broken unless a pulse is signed and tells of an entry that stands here, or of none
        at the beginning; whether its key may still sign."""
        with self._formed("its pulse"):
            position = pulse["position"]
            self._check(pulse["type"] == PULSE and type(position) is int, "its pulse", "form")
            self._check(position <= self.position, self.position + 1, "end")
            self._hold(pulse, "pulse", first=0)
            return self._may_sign(pulse["kid"])

    def _take(self, entry):
        position = entry.get("position")
        if isinstance(position, int) and 0 < position <= self.position:
            self._check(self.hash_at(position) == entry.get("hash"), position, "fork")
            return False
        expected = self.position + 1
        self._check(type(position) is int and position == expected, expected, "position")
        self._check(entry.get("source", "").endswith(f"/{self.stream}"), expected, "source")
        self._check(entry.get("prevhash") == self.hash, expected, "chain")
        digest = _digest(self.hash, entry)
        self._check(digest.hex() == entry.get("hash"), expected, "hash")
        self._check(self._may_sign(entry.get("kid")), expected, "key")
        signed = is_signed(self.key(entry["kid"]), entry.get("signature"), digest)
        self._check(signed, expected, "signature")
        self._check(self._keeps_epoch(entry), expected, "epoch")
        if entry["type"] == HANDED_OVER:
            self._check(is_number(entry.get("subject")), expected, "subject")
        if entry.get("type") == KEY_ANNOUNCED:
            self._trust(entry["data"].get("key"), expected)
        if entry["type"] == KEY_WITHDRAWN:
            self._distrust(entry["data"]["kid"], entry["kid"], expected)
        self._go_on(entry)
        return True

    def _hold(self, checkpoint, check="checkpoint", first=1):
        position, kid = checkpoint.get("position"), checkpoint.get("kid")
        is_here = isinstance(position, int) and first <= position <= self.position
        self._check(is_here, position, check)
        epoch = checkpoint.get("epoch")
        told = checkpoint.get("stream"), epoch, checkpoint.get("hash")
        ours = self.stream, self.epoch_at(position) if position else epoch, self.hash_at(position)
        self._check(told == ours, position, check)
        self._check(self.key(kid) is not None, position, "key")
        self._check(not is_deep(checkpoint), position, "form")
        said = {name: value for name, value in checkpoint.items() if name != "signature"}
        signed = is_signed(self.key(kid), checkpoint.get("signature"), rfc8785.dumps(said))
        self._check(signed, position, check)

    def key(self, kid):
        """A key that is known, or None."""
        return self._announced.get(kid) or self._pinned.get(kid)

    def hash_at(self, position):
        """The hash of the entry at a position, in hexadecimal; what the first one follows at 0."""
        if position == 0:
            return GENESIS
        end = position * LENGTH
        return self._hashes[end - LENGTH : end].hex()

    def epoch_at(self, position):
        """The epoch of the entry at a position; None before the first."""
        begun = [epoch for first, epoch in self._epochs if first <= position]
        return begun[-1] if begun else None

    def epochs(self):
        """The numbers of the epochs that were met."""
        return {epoch for _, epoch in self._epochs}

    def mark(self):
        """What `back_to` needs in order to forget whatever is taken from now on."""
        small = self.announced, self._announced, self.withdrawn, self._signed_by, self._epochs
        return self.epoch, self.position, self.hash, *(each.copy() for each in small)

    def back_to(self, mark):
        """As it was then."""
        self.epoch, self.position, self.hash, *small = mark
        self.announced, self._announced, self.withdrawn, self._signed_by, self._epochs = small
        del self._hashes[self.position * LENGTH :]

    @contextmanager
    def _formed(self, what=None):
        """Raises Broken for what cannot be read as what it should be: the next entry, if nothing
        else is named."""
        expected = what or self.position + 1
        try:
            yield
        except FORM:
            raise Broken(self.stream, expected, "form") from None

    def _go_on(self, entry):
        self.position, self.hash = self.position + 1, entry["hash"]
        self._hashes += bytes.fromhex(self.hash)
        if self.epoch != entry["epoch"]:
            self.epoch = entry["epoch"]
            self._epochs.append((self.position, self.epoch))
        if self._signed_by[-1:] != [entry["kid"]]:
            self._signed_by.append(entry["kid"])

    def _may_sign(self, kid):
        """Whether it is known, no other has followed it (a stolen old one is worth nothing), and it
        was not withdrawn."""
        spent = {*self._signed_by[:-1], *self.withdrawn, *self.elsewhere}
        return kid not in spent and self.key(kid) is not None

    def _trust(self, jwk, position):
        """The next key, which one that is known has announced. A name means one key for ever."""
        try:
            [(kid, fresh)] = public_keys({"keys": [jwk]}).items()
        except Broken as broken:
            raise Broken(self.stream, position, broken.check) from None
        except FORM:
            raise Broken(self.stream, position, "key") from None
        known = self.key(kid)
        self._check(known is None or known == fresh, position, "key")
        self.announced.append({**jwk, "announced": f"{self.stream} {position}"})
        self._announced[kid] = fresh

    def _distrust(self, kid, signer, position):
        """A key that will never sign. One that has signed is followed, and never withdrawn."""
        self._check(isinstance(kid, str) and kid not in {*self._signed_by, signer}, position, "key")
        self.withdrawn.append(kid)

    def _keeps_epoch(self, entry):
        """Another epoch begins by naming the last entry of the one before."""
        if type(entry["epoch"]) is not int:
            return False
        if self.epoch in (None, entry["epoch"]):
            return True
        before = {"epoch": self.epoch, "position": self.position, "hash": self.hash}
        told = entry.get("type") == EPOCH_OPENED and entry["data"].get("before") == before
        return told and entry["epoch"] > self.epoch

    def _check(self, holds, position, check):
        if not holds:
            raise Broken(self.stream, position, check)


def _digest(before, entry):
    """What the hash of an entry must be. Raises one of FORM for what cannot have been hashed."""
    if is_deep(entry):
        raise ValueError("nested too deeply")
    said = {name: value for name, value in entry.items() if name not in PROOF}
    return hashlib.sha256(bytes.fromhex(before) + rfc8785.dumps(said)).digest()

#!/usr/bin/env python3
"""Verifies the Ombudsman's feed without any code of those who publish it.

    verify_feed.py --keys KEYS [--checkpoints FILE] [--witness FILE] FILE...
    verify_feed.py --keys KEYS [--witness FILE] --url URL --bearer FILE [--stream NAME]
                   [--save FILE]

Needs Python 3.9 and the package `cryptography`. KEYS is the JWK set that the publisher showed, kept
from then; an entry announces each later key, signed by one before it. A FILE has one entry on each
line, or is a page as it was answered; with --url the pages are read from there (URL is what stands
before /v1/ombudsman), and --save keeps the entries.
--checkpoints are the publisher's own, and must be complete; --witness are checkpoints or ends that
were kept from earlier, and must still be true. README.md tells what is checked, and how by hand.

Exit 0: everything holds. 1: it names the first entry that does not hold. 2: nothing could be said.
"""

import argparse
import base64
import hashlib
import json
import sys
import urllib.parse
import urllib.request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROOF = ("prevhash", "hash", "signature", "kid")
EPOCH_OPENED = "feed.epoch.opened.v1"
KEY_ANNOUNCED = "feed.key.announced.v1"
CHECKPOINT_EVERY = 100
PAGE = 2000


class Unreadable(Exception):
    """What was given cannot be read as what it should be."""


class Broken(Exception):
    """The first entry that does not hold, by its position, and which check it fails."""

    def __init__(self, position, check):
        super().__init__(f"broken at {position} ({check})")
        self.position, self.check = position, check


def canonical(value):
    """RFC 8785, for what stands in a feed: no fractions, no numbers beyond 2^53."""
    if value is None or isinstance(value, (bool, str)):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) >= 2**53:
            raise ValueError("a number beyond 2^53")
        return str(value)
    if isinstance(value, list):
        return "[" + ",".join(canonical(each) for each in value) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(n)}:{canonical(value[n])}" for n in names) + "}"
    raise ValueError("not a value of a feed")


def read_json(text):
    """Strictly: no name twice, no fraction, no NaN."""

    def once(pairs):
        made = dict(pairs)
        if len(made) < len(pairs):
            raise ValueError("a name stands twice")
        return made

    def refuse(_):
        raise ValueError("a number that no feed has")

    return json.loads(text, object_pairs_hook=once, parse_float=refuse, parse_constant=refuse)


def read_keys(text):
    """The public keys of a JWK set by their names."""
    jwks = read_json(text)["keys"]
    return {jwk["kid"]: public_key(jwk) for jwk in jwks if jwk.get("crv") == "Ed25519"}


def public_key(jwk):
    return Ed25519PublicKey.from_public_bytes(unbase64(jwk["x"]))


def unbase64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_signed(keys, kid, signature, message):
    try:
        keys[kid].verify(unbase64(signature), message)
    except (KeyError, ValueError, TypeError, InvalidSignature):
        return False
    return True


class Verifier:
    """Takes the entries of one stream in order. `take` and `finish` raise Broken."""

    def __init__(self, keys, witnesses=(), checkpoints=None):
        self.keys, self.count = dict(keys), 0
        self.epoch, self.position, self.hash = None, 0, "00" * 32
        self._ids, self._signed_by, self._source = set(), [], None
        self._complete, self._covered = checkpoints is not None, 0
        self._witnesses = {}
        for one in [*witnesses, *(checkpoints or ())]:
            self._witnesses.setdefault(one["position"], []).append(one)
        self._checkpoints = {one["position"] for one in checkpoints or ()}

    def take(self, event):
        """One more entry."""
        if self.count == 0:
            self._begin(event)
        expected = self.position + 1
        failed = self._failed(event, expected)
        if failed:
            raise Broken(expected, failed)
        self.epoch, self.position, self.hash = event["epoch"], expected, event["hash"]
        self.count += 1
        for witness in self._witnesses.pop(expected, ()):
            if not self._agrees(witness):
                raise Broken(expected, "checkpoint")
        if expected in self._checkpoints:
            self._covered = expected
        if self._complete and expected - self._covered >= CHECKPOINT_EVERY:
            raise Broken(expected, "checkpoint")

    def finish(self):
        """No entry comes any more: every witness must have been met."""
        if any(place > self.position for place in self._witnesses):
            raise Broken(self.position + 1, "end")

    def _begin(self, event):
        """A feed that is not read from its start goes on from a witness."""
        position = event.get("position")
        before = self._witnesses.get(position - 1, ()) if isinstance(position, int) else ()
        for one in before:
            self.epoch, self.position, self.hash = one["epoch"], one["position"], one["hash"]
            if not self._agrees(one):
                raise Broken(one["position"], "checkpoint")
        self._covered = self.position

    def _failed(self, event, expected):
        said = {name: value for name, value in event.items() if name not in PROOF}
        if event.get("position") != expected or isinstance(event.get("position"), bool):
            return "position"
        if self._source not in (None, event.get("source")):
            return "source"
        self._source = event.get("source")
        if event.get("prevhash") != self.hash:
            return "chain"
        try:
            digest = hashlib.sha256(bytes.fromhex(self.hash) + canonical(said).encode()).digest()
        except (ValueError, TypeError, RecursionError):
            return "hash"
        if digest.hex() != event.get("hash"):
            return "hash"
        kid = event.get("kid")
        if kid not in self.keys or kid in self._signed_by[:-1]:
            return "key"
        if not is_signed(self.keys, kid, event.get("signature"), digest):
            return "signature"
        if self._signed_by[-1:] != [kid]:
            self._signed_by.append(kid)
        if self._broken_epoch(event):
            return "epoch"
        if event.get("type") == KEY_ANNOUNCED and not self._trusts(event["data"]):
            return "key"
        if event.get("id") in self._ids:
            return "id"
        self._ids.add(event.get("id"))
        return None

    def _trusts(self, data):
        """Takes the key that is announced; false if there is none, or another under its name."""
        try:
            kid, key = data["key"]["kid"], public_key(data["key"])
        except (KeyError, TypeError, ValueError):
            return False
        same = self.keys.setdefault(kid, key)
        return same.public_bytes_raw() == key.public_bytes_raw()

    def _broken_epoch(self, event):
        """An epoch begins by naming the last entry of the one before, and never goes back."""
        if self.epoch in (None, event["epoch"]):
            return False
        before = {"epoch": self.epoch, "position": self.position, "hash": self.hash}
        told = event.get("type") == EPOCH_OPENED and event["data"].get("before") == before
        return not told or event["epoch"] < self.epoch

    def _agrees(self, witness):
        """Whether it is signed, and tells of the entry that stands at its place."""
        if (witness["epoch"], witness["hash"]) != (self.epoch, self.hash):
            return False
        if "time" in witness:  # a checkpoint
            said = {n: v for n, v in witness.items() if n != "signature"}
            message = canonical(said).encode()
        else:  # an end, signed as its last entry is
            message = bytes.fromhex(witness["hash"])
        return is_signed(self.keys, witness["kid"], witness["signature"], message)


def events_of(path):
    """The entries of a file: one on each line, or a page."""
    with open(path, encoding="utf-8") as file:
        first = file.readline()
        file.seek(0)
        try:
            line = read_json(first)
        except ValueError:
            line = None
        if line is None or "events" in line:
            yield from read_json(file.read())["events"]
            return
        for text in file:
            if text.strip():
                yield read_json(text)


def documents_of(path):
    """Checkpoints or ends: one on each line, or an answer with `checkpoints`, or a single one."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        whole = read_json(text)
        found = whole.get("checkpoints", [whole])
    except ValueError:
        found = [read_json(line) for line in text.splitlines() if line.strip()]
    return [one for one in found if one["position"] > 0]


class Site:
    """The publisher's pages."""

    def __init__(self, url, bearer, stream):
        if not url.startswith(("https://", "http://")):
            raise Unreadable("--url begins with https://")
        self._url, self._bearer, self._stream = url.rstrip("/"), bearer, stream

    def events(self):
        return self._pages("feed", "events", PAGE)

    def checkpoints(self):
        return list(self._pages("checkpoints", "checkpoints", 500))

    def _pages(self, what, name, limit):
        after, more = "", True
        while more:
            query = {"stream": self._stream, "after": after, "limit": limit}
            page = self._get(f"{self._url}/v1/ombudsman/{what}?{urllib.parse.urlencode(query)}")
            yield from page[name]
            after, more = page["cursor"], page["more"]

    def _get(self, url):
        headers = {"Authorization": f"Bearer {self._bearer}"}
        request = urllib.request.Request(url, headers=headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return read_json(answer.read())


def sources(words):
    """The entries, and the checkpoints that must be complete."""
    if not words.url:
        given = documents_of(words.checkpoints) if words.checkpoints else None
        return (event for path in words.files for event in events_of(path)), given
    with open(words.bearer, encoding="ascii") as file:
        site = Site(words.url, file.read().strip(), words.stream)
    checkpoints = site.checkpoints()  # before the entries, so that none tells of a later one
    return site.events(), checkpoints


def verify(words):
    """How many entries hold. Raises Broken, or anything for what cannot be read."""
    with open(words.keys, encoding="utf-8") as file:
        keys = read_keys(file.read())
    events, checkpoints = sources(words)
    witnesses = [one for path in words.witness for one in documents_of(path)]
    verifier = Verifier(keys, witnesses, checkpoints)
    kept = open(words.save, "w", encoding="utf-8") if words.save else None  # noqa: SIM115
    try:
        for event in events:
            if kept:
                kept.write(json.dumps(event, ensure_ascii=False) + "\n")
            verifier.take(event)
        verifier.finish()
    finally:
        if kept:
            kept.close()
    return verifier


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keys", required=True)
    parser.add_argument("--checkpoints")
    parser.add_argument("--witness", action="append", default=[])
    parser.add_argument("--url")
    parser.add_argument("--bearer")
    parser.add_argument("--stream", default="monitoring")
    parser.add_argument("--save")
    parser.add_argument("files", nargs="*")
    words = parser.parse_args()
    if bool(words.url) == bool(words.files) or bool(words.url) != bool(words.bearer):
        parser.error("give either files, or --url and --bearer")
    try:
        verifier = verify(words)
    except Broken as broken:
        print(broken)
        return 1
    except Exception as error:
        print(f"cannot be read: {type(error).__name__}: {error}", file=sys.stderr)
        return 2
    print(f"{verifier.count} entries hold, up to {verifier.epoch}:{verifier.position}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

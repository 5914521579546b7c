#!/usr/bin/env python3
"""Verifies the Ombudsman's feed without any code of those who publish it.

    verify_feed.py --keys KEYS [--checkpoints FILE] [--witness FILE] [--stream NAME] FILE...
    verify_feed.py --keys KEYS [--witness FILE] [--stream NAME] --url URL --bearer FILE

Needs Python 3.9 and the package `cryptography`. KEYS is the JWK set that the publisher showed, kept
from then. A FILE has one entry on each line, or is a page as it was answered; with --url all pages
are read from there (URL is what stands before /v1/ombudsman). --save FILE keeps the entries.
--checkpoints are the publisher's own, all of them, saved after the entries. --witness are those
that were kept from earlier, or ends, and must still be true; only from one may files begin later
than the feed. Both may be given several times. README.md tells more.
Exit 0: everything holds. 1: it names the first entry that does not hold. 2: it cannot be checked.
"""

import base64
import contextlib
import hashlib
import itertools
import json
import os
import re
import sys
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from multiprocessing.pool import ThreadPool
from pathlib import Path
from urllib import parse, request

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

PROOF = ("prevhash", "hash", "signature", "kid")
EPOCH_OPENED, ANNOUNCED = "feed.epoch.opened.v1", "feed.key.announced.v1"
WITHDRAWN = "feed.key.withdrawn.v1"
CHECKPOINT_EVERY, DEEPEST = 100, 100  # entries; levels of what cannot be read otherwise
PATIENCE, LARGEST, PAGES = 300, 2**25, 10_000  # seconds and bytes for a page, pages for a list
ENTRY = {**dict.fromkeys(("source", "type", "id", *PROOF), str), "epoch": int, "data": dict}
WITNESS = {"stream": str, "epoch": int, "position": int, "hash": str}


class Unreadable(Exception):
    """What was given is not what it should be, or not enough to say anything."""


class Broken(Exception):
    """The first entry that does not hold, by its position, and which check it fails."""

    def __init__(self, position, check):
        super().__init__(f"broken at {position} ({check})")
        self.position, self.check = position, check


class Refused(str):
    """What no feed has: a fraction, a name that stands twice, what lies too deep to be read."""


def canonical(value):
    """RFC 8785, for what stands in a feed: no fractions, no numbers beyond 2^53."""
    if value is None or type(value) in (bool, str) or (type(value) is int and abs(value) < 2**53):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(canonical(each) for each in value) + "]"
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(n)}:{canonical(value[n])}" for n in names) + "}"
    raise ValueError("not a value of a feed")


def read_json(text):
    """With `Refused` for what no feed has, so that it is known where that stands."""
    try:
        return DECODER.decode(text)
    except RecursionError:
        return DECODER.decode(shallow(text))


DECODER = json.JSONDecoder(
    object_pairs_hook=lambda pairs: dict(pairs) if len(dict(pairs)) == len(pairs) else Refused(),
    parse_int=lambda digits: int(digits) if len(digits) < 20 else Refused(digits),
    parse_float=Refused,
    parse_constant=Refused,
)


def shallow(text):
    """The same JSON, with NaN for what lies too deep."""
    kept, depth, is_text = [], 0, False
    for part in (one[0] for one in re.finditer(r'\\.?|[][{}"]|[^][{}"\\]+', text)):
        is_text ^= part == '"'
        depth += not is_text and part in "[{"
        if depth < DEEPEST or (depth == DEEPEST and not is_text and part in "[{"):
            kept.append(part if depth < DEEPEST else "NaN")
        depth -= not is_text and part in "]}"
    return "".join(kept)


def is_formed(value, form):
    """Whether it has these members, of these types."""
    return isinstance(value, dict) and all(type(value.get(n)) is t for n, t in form.items())


def stream_of(event):
    """The stream that an entry tells, or None."""
    return event["source"].rpartition("/")[2] if is_formed(event, {"source": str}) else None


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

    def __init__(self, keys, witnesses=(), checkpoints=(), stream=None, whole=False):
        """`checkpoints` are those known before. A feed that is `whole` begins with entry 1."""
        self.keys, self.stream, self.begun_after = dict(keys), stream, 0
        self.epoch, self.position, self.hash = None, 0, "00" * 32
        self._read, self._ids, self._signed_by, self._source = [], set(), {}, None
        self._witnesses, self._whole, self._told = witnesses, whole, {}
        for one in [*witnesses, *checkpoints]:
            self._told.setdefault(one["position"], []).append(one)

    def take(self, event):
        """One more entry."""
        if not self._read:
            self._begin(event)
        expected = self.position + 1
        if failed := self._failed(event, expected):
            raise Broken(expected, failed)
        self.epoch, self.position, self.hash = event["epoch"], expected, event["hash"]
        self._read.append((self.epoch, self.hash))
        for one in self._told.get(expected, ()):
            self._hold(one)

    def finish(self, checkpoints=None):
        """No entry comes any more: no checkpoint may be missing, and no witness was not met."""
        if checkpoints is not None:
            self._cover(checkpoints)
        if any(one["position"] > self.position for one in self._witnesses):
            raise Broken(self.position + 1, "end")

    def _begin(self, event):
        """What is not read from its start goes on from a witness, never from a checkpoint that the
        publisher may have made for it. All that is told of a place before must be the same."""
        after = event["position"] - 1 if is_formed(event, {"position": int}) else None
        start = [one for one in self._witnesses if one["position"] == after and not self._whole]
        if start:
            self.epoch, self.position, self.hash = start[0]["epoch"], after, start[0]["hash"]
        self.begun_after = self.position
        self.stream = self.stream or stream_of(event)
        if not self.stream:
            return  # this entry will not hold
        for place in sorted(place for place in self._told if place < self.position):
            if len({(one["epoch"], one["hash"]) for one in self._told[place]}) > 1:
                raise Broken(place, "checkpoint")
        for one in self._told.get(self.position, ()):
            self._hold(one)

    def _hold(self, one):
        place = one["position"] - self.begun_after
        told = self._read[place - 1] if place else (self.epoch, self.hash)
        same = one["stream"] == self.stream and (one["epoch"], one["hash"]) == told
        if not same or not self._is_signed(one):
            raise Broken(one["position"], "checkpoint")

    def _cover(self, checkpoints):
        """Each must hold, and none may be missing; what is told of other entries is passed over."""
        covered = self.begun_after
        for one in sorted(checkpoints, key=lambda one: one["position"]):
            place = one["position"]
            if self.begun_after < place <= min(self.position, covered + CHECKPOINT_EVERY):
                self._hold(one)
                covered = place
        if self.position - covered >= CHECKPOINT_EVERY:
            raise Broken(covered + CHECKPOINT_EVERY, "checkpoint")

    def _failed(self, event, expected):
        place = event.get("position") if isinstance(event, dict) else expected
        if place != expected or type(place) is not int:
            return "position"
        if not is_formed(event, ENTRY):
            return "form"
        if stream_of(event) != self.stream or self._source not in (None, event["source"]):
            return "source"
        self._source = event["source"]
        said = {name: value for name, value in event.items() if name not in PROOF}
        try:
            digest = hashlib.sha256(bytes.fromhex(self.hash) + canonical(said).encode()).digest()
        except (ValueError, RecursionError):
            return "form"
        if event["prevhash"] != self.hash:
            return "chain"
        if digest.hex() != event["hash"]:
            return "hash"
        kid, last = event["kid"], next(reversed(self._signed_by), None)
        if kid not in self.keys or (kid != last and kid in self._signed_by):
            return "key"
        if not is_signed(self.keys, kid, event["signature"], digest):
            return "signature"
        self._signed_by[kid] = None
        if self._broken_epoch(event):
            return "epoch"
        if event["type"] in (ANNOUNCED, WITHDRAWN) and not self._trusts(event, event["data"]):
            return "key"
        if event["id"] in self._ids:
            return "id"
        self._ids.add(event["id"])
        return None

    def _trusts(self, event, data):
        """Takes the key that is announced, or away the one that is withdrawn; whether it may be."""
        try:
            if event["type"] == WITHDRAWN:
                self._signed_by, met = {data["kid"]: None, **self._signed_by}, self._signed_by
                return is_formed(data, {"kid": str}) and data["kid"] not in met
            kid, key = data["key"]["kid"], public_key(data["key"])
            return self.keys.setdefault(kid, key).public_bytes_raw() == key.public_bytes_raw()
        except (KeyError, TypeError, ValueError):
            return False

    def _broken_epoch(self, event):
        """An epoch begins by naming the last entry of the one before, and never goes back."""
        if self.epoch in (None, event["epoch"]):
            return False
        before = {"epoch": self.epoch, "position": self.position, "hash": self.hash}
        told = event["type"] == EPOCH_OPENED and event["data"].get("before") == before
        return not told or event["epoch"] < self.epoch

    def _is_signed(self, one):
        """A checkpoint is, over what it says; an end as its last entry is."""
        said = {name: value for name, value in one.items() if name != "signature"}
        try:
            message = canonical(said).encode() if "time" in one else bytes.fromhex(one["hash"])
        except (ValueError, RecursionError):
            return False
        return is_signed(self.keys, one.get("kid"), one.get("signature"), message)


def values_of(path):
    """One on each line of a file, or one over all of it. What is no UTF-8 is a lone surrogate."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        try:
            read_json(file.readline() or "null")
            parts = file
        except ValueError:
            parts = iter(file.read, "")
        file.seek(0)
        yield from (read_json(part) for part in parts if part.strip())


def events_of(path):
    """The entries of a file: one on each line, or pages."""
    for value in values_of(path):
        is_page = isinstance(value, dict) and "events" in value and "position" not in value
        yield from value["events"] if is_page else [value]


def documents_of(paths, every=False):
    """Checkpoints or ends: one on each line, or pages; with `every`, the last page too."""
    values = [value for path in paths for value in values_of(path)]
    pages = [value for value in values if "checkpoints" in value]
    if every and pages and all(page.get("more") for page in pages):
        raise Unreadable("--checkpoints is a page with more after it: give the others too")
    return formed(one for value in values for one in value.get("checkpoints", [value]))


def formed(documents):
    """Those that tell of an entry. What has a type is a pulse: signed alike, and no witness."""
    found = list(documents)
    if not all(is_formed(one, WITNESS) and "type" not in one for one in found):
        raise Unreadable("neither a checkpoint nor an end")
    return [one for one in found if one["position"] > 0]


def of_stream(found, stream, wanted=()):
    """Those of the same stream: the others say nothing about it. One at least, if it is wanted."""
    same = [one for one in found if stream in (None, one["stream"])]
    if (found or wanted) and not same:
        raise Unreadable(f"no witness, or no checkpoint, is of the stream {stream}")
    if len(same) < len(found):
        print(f"set aside, of another stream: {len(found) - len(same)}", file=sys.stderr)
    return same


def pages(words, stream, what, name, limit):
    """What the site itself answers, to the last page. It may send us nowhere else."""
    site, after, count = request.OpenerDirector(), "", 0
    for kind in ("Proxy", "HTTP", "HTTPS", "Unknown"):
        site.add_handler(getattr(request, f"{kind}Handler")())
    site.addheaders = [("Authorization", "Bearer " + Path(words.bearer).read_text("ascii").strip())]

    def answer(query):
        url = f"{words.url.rstrip('/')}/v1/ombudsman/{what}?{parse.urlencode(query)}"
        with site.open(url, timeout=30) as answered:
            text, status = answered.read(LARGEST + 1), answered.status
        if status != 200 or len(text) > LARGEST:
            raise Unreadable(f"the site answers {status}, or more than {LARGEST} bytes")
        return text.decode("utf-8", "surrogateescape")

    with ThreadPool(1) as aside:  # so that time passes, whatever drips
        for _ in range(PAGES):
            query = {"stream": stream, "after": after, "limit": limit}
            page = read_json(aside.apply_async(answer, [query]).get(PATIENCE))
            yield from page[name]
            if not page["more"]:
                return
            after, count = page["cursor"], count + len(page[name])
            if not page[name]:
                break
    raise Unreadable(f"the site says that there are more than {count} {name}, and shows no end")


def verify_site(words, keys):
    """Checkpoints are witnesses before the entries; only after them can they be complete."""
    stream = words.stream or "monitoring"
    kept = of_stream(documents_of(words.witness), stream, words.witness)
    shown = formed(pages(words, stream, "checkpoints", "checkpoints", 500))
    verifier = Verifier(keys, [*kept, *shown], stream=stream, whole=True)
    take_all(verifier, pages(words, stream, "feed", "events", 2000), words.save)
    later = formed(pages(words, stream, "checkpoints", "checkpoints", 500))
    places = {(one["epoch"], one["position"]): one for one in later}
    for one in shown:
        if places.get((one["epoch"], one["position"])) != one:
            raise Broken(one["position"], "checkpoint")
    verifier.finish(later)
    return verifier


def verify_files(words, keys):
    """What entries cannot be given for is no reason to accuse: it is told, when all else holds."""
    events = itertools.chain.from_iterable(map(events_of, words.files))
    first = list(itertools.islice(events, 1))
    stream = words.stream or stream_of(*first or [None])
    if not (first or stream):
        raise Unreadable("no entry is given, and no --stream")
    kept = of_stream(documents_of(words.witness), stream, words.witness)
    shown = of_stream(documents_of(words.checkpoints, every=True), stream)
    verifier = Verifier(keys, kept, shown, stream)
    take_all(verifier, itertools.chain(first, events), words.save)
    verifier.finish(shown if words.checkpoints else None)
    apart = [one["position"] for one in kept if one["position"] < verifier.begun_after]
    apart += [one["position"] for one in shown if one["position"] > verifier.position]
    if apart:
        raise Unreadable(f"the entries at {apart} are told of, but not given")
    return verifier


def take_all(verifier, events, save):
    """Saves the entries on the way, the first that does not hold too."""
    with open(save or os.devnull, "w", encoding="ascii") as kept:
        for event in events:
            with contextlib.suppress(RecursionError):
                kept.write(json.dumps(event) + "\n" if save else "")
            verifier.take(event)


def main():
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    for name in ("--checkpoints", "--witness"):
        parser.add_argument(name, action="append", default=[])
    for name in ("--keys", "--url", "--bearer", "--stream", "--save"):
        parser.add_argument(name, required=name == "--keys")
    parser.add_argument("files", nargs="*")
    words = parser.parse_args()
    wanted = [words.url, words.bearer] if words.url or words.bearer else [words.files]
    if not all(wanted) or (words.url and (words.files or words.checkpoints)):
        parser.error("give either files, with checkpoints or without, or --url and --bearer")
    try:
        keys = read_keys(Path(words.keys).read_text(encoding="utf-8"))
        verifier = verify_site(words, keys) if words.url else verify_files(words, keys)
    except Broken as broken:
        print(broken)
        return 1
    except Exception as error:
        print(f"cannot be checked: {error!a}", file=sys.stderr)
        return 2
    print(f"{len(verifier._read)} entries hold, up to {verifier.epoch}:{verifier.position}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

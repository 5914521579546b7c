"""Dossiers: whether one is what the feed tells of, what of it is kept, and what is inside."""

import hashlib
import json
import random
from collections import Counter, defaultdict
from contextlib import suppress
from functools import partial
from pathlib import Path

import rfc8785
from chain import FORM, HANDED_OVER, Broken, is_deep, is_number
from joserfc import jwe
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.registry import HeaderParameter
from office import Away, Refused, Silent
from telling import say, warn

MEMBERS = ("dossier", "sha256", "sealed", "erased_at", "consent_ended_at")
NAMES = ("part", "key_id", "sha256")  # what a dossier names each of its sealed parts by
ERASED, CONSENT_ENDED = "feed.case.erased.v1", "feed.case.consent_ended.v1"
NO_ENTRY = "no entry tells that they were erased. Ask why"
STOP = "See what of it you may still keep and examine (UU 27/2022, article 9)"
LEFT_OUT = "a sealed part is missing that it names"


def file_of(number):
    """The name under which the dossier of a case is kept. Raises ValueError for what is no number:
    whoever writes the feed chooses it."""
    if not is_number(number):
        raise ValueError("no report has this number")
    return f"dossiers/{number}.json"


def why_false(answer, entry):
    """Why a dossier is not the one that the feed tells of, or None."""
    try:
        return _why_false(answer, entry)
    except FORM:
        return "it has not the form of a dossier"


def _why_false(answer, entry):
    dossier, told = answer["dossier"], entry["data"].get("dossier") or {}
    if is_deep({name: answer.get(name) for name in MEMBERS}):  # it could not be written
        raise ValueError("nested too deeply")
    digest = hashlib.sha256(rfc8785.dumps(dossier)).hexdigest()
    if digest != told.get("sha256"):
        return "its hash is not the feed's"
    for part in answer["sealed"]:
        if hashlib.sha256(part["sealed"].encode()).hexdigest() != part["sha256"]:
            return "a sealed part is not the one that its hash tells of"
    named, came = _named(dossier.get("parts", [])), _named(answer["sealed"])
    if came - named:
        return "a sealed part is not one that it names"
    if named - came and not answer.get("erased_at"):
        return LEFT_OUT
    return None


def _named(parts):
    """How often there is a part of these names."""
    return Counter(tuple(part[name] for name in NAMES) for part in parts)


class Owed:
    """The dossiers of hand-overs that may not be here yet. They are asked for in an order of
    chance: what the regency does not give is not always before another."""

    def __init__(self, store, office, opening_key=None):
        self._store, self._office, self._opening_key = store, office, opening_key
        self._entries = []

    def want(self, entries):
        """Those that these entries tell of, too."""
        self._entries.extend(entry for entry in entries if entry["type"] == HANDED_OVER)

    def fetch(self):
        """Gets what is missing. Raises Away for what is not given, when all were asked for; at once
        if no answer comes: that may take minutes, and is waited for once."""
        withheld = {}
        random.shuffle(self._entries)
        for entry in filter(partial(is_missing, self._store), self._entries):
            try:
                self._fetch(entry)
            except Silent:
                raise
            except (Away, Refused) as why:
                withheld[entry["subject"]] = why
        self._entries = [one for one in self._entries if one["subject"] in withheld]
        if withheld:
            told = "; ".join(f"{number} ({why})" for number, why in withheld.items())
            raise Away(f"no dossier is given of {told}")

    def _fetch(self, entry):
        """A part that is missing may have been erased while the regency read: it is asked again."""
        number = entry["subject"]
        answer = self._office.dossier(number)
        if why_false(answer, entry) == LEFT_OUT:
            answer = self._office.dossier(number)
        if why := why_false(answer, entry):
            raise Broken("handovers", entry["position"], f"dossier: {why}", answer)
        kept = known(answer)
        if self._opening_key:
            kept["opened"] = unseal(kept, number, self._opening_key)
        self._store.write(file_of(number), kept)
        _tell_kept(number, kept)
        _tell_sealed(number, kept.get("opened", []))


def is_missing(store, entry):
    """Whether it tells of a dossier that is not kept."""
    return entry.get("type") == HANDED_OVER and not store.has(file_of(entry["subject"]))


def lacking(kept):
    """How many parts did not come with a dossier that names them: they were erased."""
    try:
        return len(kept["dossier"].get("parts", [])) - len(kept["sealed"])
    except FORM:
        return 0  # `verify` tells what it is


def unexplained(store):
    """By the number of each kept dossier that lacks some, the parts that it names, that did not
    come with it, and whose erasure no entry of its case tells."""
    erased = defaultdict(set)
    for entry in store.entries("handovers"):
        if entry["type"] == ERASED:
            erased[str(entry.get("subject"))] |= _hashes_erased(entry)
    found = {}
    for number in _kept(store):
        gone = erased[number]
        lost = [one for one in _absent(store.read(f"dossiers/{number}.json")) if one[1] not in gone]
        if lost:
            found[number] = lost
    return found


def tell_unexplained(store):
    """Says which parts were promised and are missing; whether there are none."""
    lost = unexplained(store)
    for number, parts in lost.items():
        told = ", ".join(f"{part} {sha256}" for part, sha256 in parts)
        warn(f"dossier {number}: MISSING: {told}. It names them, they did not come, and {NO_ENTRY}")
    return not lost


def ended(store):
    """By the number of each case whose reporter took back the consent to its hand-over, when: as
    the chain tells it. What the regency says of it beside a dossier bears no signature."""
    told = (one for one in store.entries("handovers") if one.get("type") == CONSENT_ENDED)
    return {str(entry.get("subject")): _ended_at(entry) for entry in told}


def tell_ended(entries):
    """Says of each of these entries that a consent ended, if it tells that."""
    for entry in entries:
        if entry["type"] == CONSENT_ENDED:
            number, at = entry.get("subject"), _ended_at(entry) or "no time"
            warn(f"{number}: CONSENT ENDED at {at}: its reporter took it back. {STOP}")


def _ended_at(entry):
    data = entry.get("data")
    at = data.get("at") if isinstance(data, dict) else None
    return at if isinstance(at, str) else None


def _absent(kept):
    """Name and hash of each part that a dossier names and that did not come with it."""
    try:
        lost = _named(kept["dossier"].get("parts", [])) - _named(kept["sealed"])
        return sorted((part, sha256) for part, _, sha256 in lost.elements())
    except FORM:
        return []  # `verify` tells what it is


def _hashes_erased(entry):
    """The hashes of the parts whose erasure an entry tells."""
    try:
        return {part["sha256"] for part in entry["data"]["parts"]}
    except FORM:
        return set()


def _tell_kept(number, kept):
    if not (absent := lacking(kept)):
        say(f"dossier {number}")
        return
    told = f"{absent} of {absent + len(kept['sealed'])} parts did not come"
    when = kept["erased_at"]
    warn(f"dossier {number}: {told}: the regency says that they were erased at {when}")


def known(answer):
    """Of a dossier's answer, what we know the meaning of."""
    kept = {name: answer[name] for name in MEMBERS if name in answer}
    names = (*NAMES, "sealed")
    kept["sealed"] = [{name: part[name] for name in names} for part in answer["sealed"]]
    return kept


def unseal(answer, number, key_file):
    """The sealed parts, opened where our key fits: each `{part, opened}` or `{part, error}`."""
    keys, opened = _keys(key_file), []
    for part in answer["sealed"]:
        one = {"part": part["part"], "sha256": part["sha256"]}
        try:
            one["opened"] = _opened(part, number, keys)
        except Exception as error:
            one["error"] = f"{type(error).__name__}: {error}"
        opened.append(one)
    return opened


def open_again(store, key_file, numbers):
    """Opens what stayed sealed of the kept dossiers of these numbers, or of all, by this key;
    whether all of it is open now. What was opened before stays so, whatever this key opens."""
    complete = True
    for name in map(file_of, numbers or filter(is_number, _kept(store))):
        kept, number = store.read(name), Path(name).stem
        if kept is None:
            raise SystemExit(f"no dossier of {number} is kept here: `follow` first")
        before = {one["sha256"]: one for one in kept.get("opened", []) if "opened" in one}
        found = [before.get(one["sha256"], one) for one in unseal(kept, number, key_file)]
        if found != kept.get("opened"):
            store.write(name, kept | {"opened": found})
        _tell_sealed(number, found)
        sealed = sum("error" in one for one in found)
        say(f"dossier {number}: {len(found) - sealed} of {len(found)} sealed parts are open")
        complete = complete and not sealed
    return complete


def _kept(store):
    return [Path(name).stem for name in store.listed("dossiers")]


def _tell_sealed(number, opened):
    for one in opened:
        if "error" in one:
            warn(f"dossier {number}: its part {one['part']} stays sealed ({one['error']})")


def _keys(key_file):
    """Our private keys by their names."""
    try:
        found = json.loads(Path(key_file).read_text("utf-8"))
        return {one["kid"]: import_key(one) for one in found.get("keys", [found])}
    except (*FORM, JoseError):
        raise SystemExit(f"{key_file} is no private JWK with a kid, and no set of them") from None


def _opened(part, number, keys):
    """What is inside. Raises ValueError for what was sealed for another key or case, or as another
    part; and whatever opening it raises."""
    if part["key_id"] not in keys:
        raise ValueError(f"sealed for the key {part['key_id']}, which we do not have")
    registry = jwe.JWERegistry(
        header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
        algorithms=["ECDH-ES", "A256GCM"],
    )
    inside = jwe.decrypt_compact(part["sealed"], keys[part["key_id"]], registry=registry)
    if inside.protected.get("sub") != number:
        raise ValueError("sealed for another case")
    opened = _shallow(inside.plaintext)
    if opened.get("part", part["part"]) != part["part"]:
        raise ValueError("sealed as another part")
    return opened


def _shallow(plaintext):
    """What the JSON says. Raises ValueError for what could not be written again."""
    with suppress(RecursionError):
        if not is_deep(opened := json.loads(plaintext)):
            return opened
    raise ValueError("what is inside is nested too deeply")


def compare(store, number, files):
    """Says of each file when it was first named as evidence, and by whom; whether all were. Raises
    Broken for a dossier that is not the feed's."""
    kept, handed_over = store.read(file_of(number)), (HANDED_OVER, number)
    told = [e for e in store.entries("handovers") if (e["type"], e["subject"]) == handed_over]
    if kept is None or not told:
        raise SystemExit(f"no dossier of {number} is kept here: `follow` first")
    if why := why_false(kept, told[-1]):
        raise Broken("handovers", told[-1]["position"], f"dossier: {why}")
    if "evidence" not in kept["dossier"]:
        raise SystemExit(f"the dossier of {number} is of before evidence could be named")
    named = {one["sha256"]: one for one in reversed(kept["dossier"]["evidence"])}
    found = [named.get(_sha256(file)) for file in files]
    for file, one in zip(files, found, strict=True):
        told = f"named by {one['agency']} at {one['at']}" if one else "NOT named in the dossier"
        say(f"{file}: {told}")
    return all(found)


def _sha256(file):
    try:
        with open(file, "rb") as content:
            return hashlib.file_digest(content, "sha256").hexdigest()
    except OSError as error:
        raise SystemExit(f"{file} cannot be read: {error.strerror}") from None

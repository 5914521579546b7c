"""What is kept, in a folder that only its owner reads. Whatever moment the power goes, it is whole.

    config.json                 where the feed is, and which files hold the keys
    keys.json                   the feed's public keys, pinned
    STREAM.jsonl                every entry as it was read, one on each line, only added to
    STREAM.json                 the cursor to go on from; written after the entries
    dossiers/NUMBER.json        a dossier, and its sealed parts opened
    answers/ID.json             an answer; written before it is sent
    evidence/WHEN-STREAM.json   what did not hold, with what we have

An entry that was written when the cursor was not is checked and kept when the store is opened
again, and known when it comes a second time. Half a line at the end is cut off.
"""

import json
import os
import time
from pathlib import Path

from chain import Broken, Chain, public_keys

STREAMS = ("monitoring", "handovers")


class Store:
    """The folder."""

    def __init__(self, folder):
        self.folder = Path(folder)
        for name in ("", "dossiers", "answers", "evidence"):
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    def read(self, name, otherwise=None):
        """A JSON document, or `otherwise` if there is none."""
        file = self.folder / name
        return json.loads(file.read_text("utf-8")) if file.exists() else otherwise

    def write(self, name, document):
        """Replaces a document as a whole, and only once it is on the disk."""
        file, fresh = self.folder / name, self.folder / f"{name}.new"
        with open(fresh, "w", encoding="utf-8", opener=_private) as target:
            json.dump(document, target, ensure_ascii=False, indent=1)
            target.flush()
            os.fsync(target.fileno())
        fresh.rename(file)
        _sync(file.parent)

    def listed(self, folder):
        """The names of a folder's documents."""
        found = (self.folder / folder).glob("*.json")
        return sorted(f"{folder}/{file.name}" for file in found)

    def answers(self):
        """The answers in the order in which they were written."""
        kept = [self.read(name) for name in self.listed("answers")]
        return sorted(kept, key=lambda answer: answer["written"])

    def keys(self):
        """The pinned keys by name."""
        return public_keys(self.read("keys.json", {"keys": []}))

    def entries(self, stream):
        """The kept entries in order."""
        file = self.folder / f"{stream}.jsonl"
        if file.exists():
            with open(file, encoding="utf-8") as lines:
                yield from map(json.loads, lines)

    def evidence(self, stream, **found):
        """Keeps what did not hold; the file's name."""
        name = f"evidence/{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{stream}.json"
        self.write(name, found)
        return self.folder / name


class Followed:
    """One stream as it is kept. Raises Broken if what is kept does not hold."""

    def __init__(self, store, stream):
        self.store, self.stream = store, stream
        self.file = store.folder / f"{stream}.jsonl"
        self._cut()
        self.chain = Chain(stream, store.keys())
        for entry in store.entries(stream):
            self.chain.take(entry)
        kept = store.read(f"{stream}.json", {})
        self.cursor, self.acknowledged = kept.get("cursor", ""), kept.get("acknowledged", 0)
        self.reached = 0  # which entry the cursor stands after, as far as this run has read

    def keep(self, page):
        """Checks a page, then writes its new entries, then its cursor; the new entries. Of a page
        that does not hold, what stands before the broken entry is not kept either."""
        trial = Chain(self.stream, self.chain.keys)
        trial.__dict__.update(self.chain.__dict__, hashes=dict(self.chain.hashes))
        try:
            new = [entry for entry in page["events"] if trial.take(entry)]
        except Broken as broken:
            broken.page = page
            raise
        if new:
            with open(self.file, "a", encoding="utf-8", opener=_private) as target:
                target.writelines(json.dumps(entry, ensure_ascii=False) + "\n" for entry in new)
                target.flush()
                os.fsync(target.fileno())
        self.chain, self.cursor = trial, page["cursor"]
        self.reached = page["events"][-1]["position"] if page["events"] else self.reached
        self.save()
        return new

    def save(self):
        """Writes where to go on."""
        at = {"cursor": self.cursor, "acknowledged": self.acknowledged}
        at |= {"position": self.chain.position, "hash": self.chain.hash}
        self.store.write(f"{self.stream}.json", at)

    def _cut(self):
        if not self.file.exists():
            return
        with open(self.file, "r+b") as file:
            text = file.read()
            file.truncate(text.rfind(b"\n") + 1)


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _sync(folder):
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)

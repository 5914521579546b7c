"""What is kept, in a folder that only its owner reads. Whatever moment the power goes, it is whole.

    config.json                 where the feed is, and which files hold the keys
    keys.json                   the feed's public keys, pinned or announced by one that was
    STREAM.jsonl                every entry as it was read, one on each line, only added to
    STREAM-checkpoints.jsonl    every checkpoint that our entries bear out, only added to
    STREAM.json                 the cursors to go on from, which entry the feed's stands after, and
                                which was acknowledged last; written after the entries
    dossiers/NUMBER.json        a dossier, and its sealed parts opened
    answers/ID.json             an answer; written before it is sent
    evidence/WHEN-STREAM.json   what did not hold, with what we have; what a restore has lost

An entry that was written when the cursor was not is checked and kept when the store is opened
again, and known when it comes a second time. Half a line at the end is cut off by the next that
follows, and passed over by who only reads. One program at a time follows (`lock`); the others may
pin, answer and look meanwhile. What is kept is added to; who takes something away waits for those
who look, and they for it (`whole.lock`). Who only looks needs no right to write.
"""

import fcntl
import itertools
import json
import os
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath

from chain import Broken, Chain, public_keys
from telling import warn

STREAMS = ("monitoring", "handovers")
FOLDERS = ("dossiers", "answers", "evidence")
ANSWER = {"id", "written", "body", "result"}
STALE = 3600  # seconds after which nobody is still writing a file


class Busy(Exception):
    """Another program follows in this folder, or began to while we looked."""


class Strange(Exception):
    """A file, or the name of one, that is none of ours."""


class Store:
    """The folder."""

    def __init__(self, folder, *, looks=False):
        """Makes the folder, unless one only looks."""
        self.folder = Path(folder)
        if looks and not self.folder.is_dir():
            raise SystemExit(f"there is no folder {folder}")
        for name in () if looks else ("", *FOLDERS):
            (self.folder / name).mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def alone(self):
        """Nobody else follows while the block runs. Raises Busy."""
        with _locked(self.folder / "lock", fcntl.LOCK_EX | fcntl.LOCK_NB):
            open(self.folder / "whole.lock", "a", opener=_private).close()  # for those who look
            self._sweep()
            yield

    @contextmanager
    def looking(self):
        """Nothing is taken away while the block runs: several files tell one state. Makes no file:
        another's could be in the owner's way. Raises Busy if one state cannot be promised."""
        lock = self.folder / "whole.lock"
        with ExitStack() as held:
            try:
                held.enter_context(_locked(lock, fcntl.LOCK_SH, "r"))
            except FileNotFoundError:
                held.enter_context(_stays_away(lock))
            except PermissionError:
                warn(f"{lock} may not be read: if somebody rejoins meanwhile, look again")
            yield

    @contextmanager
    def taking_away(self):
        """Nobody looks while the block runs."""
        with _locked(self.folder / "whole.lock", fcntl.LOCK_EX):
            yield

    def place(self, name):
        """Where a document stands. Raises Strange for a name that leads out of its folder."""
        *folder, file = PurePath(name).parts or ("",)
        inside = self.folder.joinpath(*folder).resolve()
        known = not folder or (len(folder) == 1 and folder[0] in FOLDERS)
        if not known or (inside / file).resolve().parent != inside:
            raise Strange(f"{name} is no name of a document")
        return self.folder / name

    def has(self, name):
        """Whether there is such a document."""
        return self.place(name).exists()

    def read(self, name, otherwise=None):
        """A JSON document, or `otherwise` if there is none. Raises Strange for what is none."""
        file = self.place(name)
        if not file.exists():
            return otherwise
        try:
            return json.loads(file.read_text("utf-8"))
        except ValueError:
            raise Strange(f"{file} is damaged: it is no JSON") from None

    def write(self, name, document):
        """Replaces a document as a whole, and only once it is on the disk."""
        with (
            self._fresh(name) as fresh,
            open(fresh, "w", encoding="ascii", opener=_private) as target,
        ):
            target.write(_spelled(document))
            target.flush()
            os.fsync(target.fileno())

    def listed(self, folder):
        """The names of a folder's documents."""
        there = self.folder / folder
        found = os.listdir(there) if there.is_dir() else []
        return sorted(f"{folder}/{name}" for name in found if name.endswith(".json"))

    def answers(self):
        """The answers in the order in which they were written. Raises Strange for a file that was
        not written as one: what stands there gets signed."""
        kept = [self._answer(name) for name in self.listed("answers")]
        return sorted(kept, key=lambda answer: answer["written"])

    def _answer(self, name):
        one = self.read(name)
        ours = isinstance(one, dict) and one.keys() == ANSWER
        if not ours or name != f"answers/{one['id']}.json":
            raise Strange(f"{name} is no answer that was written here: nothing is signed")
        return one

    def keys(self):
        """The trusted keys by name."""
        return public_keys(self.read("keys.json", {"keys": []}))

    def trust(self, jwks):
        """Adds keys; what is there already stays, also what another program adds meanwhile."""
        with _locked(self.folder / "keys.lock", fcntl.LOCK_EX):
            kept = {jwk["kid"]: jwk for jwk in self.read("keys.json", {"keys": []})["keys"]}
            fresh = {jwk["kid"]: jwk for jwk in jwks if jwk["kid"] not in kept}
            if fresh:
                self.write("keys.json", {"keys": [*kept.values(), *fresh.values()]})

    def entries(self, stream):
        """The kept entries in order."""
        return self.lines(f"{stream}.jsonl")

    def lines(self, name):
        """The documents of a file, one on each line, up to one that is not finished: whoever writes
        it may finish it meanwhile, and its end is no line."""
        file = self.place(name)
        if file.exists():
            with open(file, encoding="utf-8", newline="\n") as lines:
                for line in lines:
                    if not line.endswith("\n"):
                        return
                    yield json.loads(line)

    def add(self, name, documents):
        """Adds lines to a file; they are on the disk when it returns."""
        with open(self.place(name), "a", encoding="ascii", opener=_private) as target:
            target.writelines(json.dumps(one) + "\n" for one in documents)
            target.flush()
            os.fsync(target.fileno())

    def shorten(self, name, holds):
        """Replaces a file by those of its lines that `holds` says yes of."""
        with self._fresh(name) as fresh:
            self.add(fresh.name, filter(holds, self.lines(name)))

    @contextmanager
    def _fresh(self, name):
        """Where to write what takes the place of a document; if it is not written whole, as on a
        disk that is full, nothing of it stays."""
        file, fresh = self.place(name), self.place(f"{name}.{os.getpid()}.new")
        fresh.unlink(missing_ok=True)
        try:
            yield fresh
            fresh.rename(file)
        finally:
            fresh.unlink(missing_ok=True)
        _sync(file.parent)

    def remove(self, name):
        """Removes a document."""
        self.place(name).unlink()

    def cut(self, name):
        """Cuts off half a line at the end. What is left is on the disk when it returns, also what
        was being written when we died."""
        file = self.place(name)
        if file.exists():
            with open(file, "r+b") as target:
                end = target.read().rfind(b"\n") + 1
                if end < target.tell():
                    with self.taking_away():
                        target.truncate(end)
                os.fsync(target.fileno())

    def evidence(self, stream, **found):
        """Keeps what did not hold; the file's name."""
        when, more = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), itertools.count(2)
        name = f"evidence/{when}-{stream}.json"
        while self.has(name):
            name = f"evidence/{when}-{stream}-{next(more)}.json"
        self.write(name, found)
        return self.folder / name

    def _sweep(self):
        """Removes what was being written when somebody died: it may hold who a reporter is."""
        for file in (*self.folder.glob("*.new"), *self.folder.glob("*/*.new")):
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - STALE:
                    file.unlink()


class Keys:
    """The trusted keys, read again for a name that is not there: somebody may have pinned it."""

    def __init__(self, store):
        self._store, self._known = store, store.keys()

    def get(self, kid):
        """A key by its name, or None."""
        if kid not in self._known:
            self._known = self._store.keys()
        return self._known.get(kid)


class Followed:
    """One stream as it is kept. Raises Broken if what is kept does not hold."""

    def __init__(self, store, stream, *, alone=True):
        """Whoever is not `alone` in the folder writes nothing there: half a line may be another's,
        who is writing it. Checkpoints are read first, so that their entries are there."""
        self.store, self.stream = store, stream
        self.name, self.witnesses = f"{stream}.jsonl", f"{stream}-checkpoints.jsonl"
        if alone:
            store.cut(self.name)
            store.cut(self.witnesses)
        witnesses = list(store.lines(self.witnesses))
        self.chain = Chain(stream, Keys(store))
        for entry in store.entries(stream):
            self.chain.take(entry)
        if alone:
            store.trust(self.chain.announced)
        kept = store.read(f"{stream}.json", {})
        self.cursor, self.acknowledged = kept.get("cursor", ""), kept.get("acknowledged", 0)
        self.reached = kept.get("position", 0)  # which entry the cursor stands after
        self.checkpoints = kept.get("checkpoints", "")  # the cursor after those that are kept
        self._expected, self._met = [], {}
        self._hold(witnesses)

    def keep(self, page):
        """Checks a page, then writes its new entries, then its cursor; the new entries. Of a page
        that does not hold, what stands before the broken entry is not kept either."""
        before = self.chain.mark()
        try:
            new = [entry for entry in page["events"] if self.chain.take(entry)]
        except Broken as broken:
            self.chain.back_to(before)
            broken.page = page
            raise
        if new:
            self.store.add(self.name, new)
            self.store.trust(self.chain.announced)
        self.cursor = page["cursor"]
        self.reached = page["events"][-1]["position"] if page["events"] else self.reached
        self.save()
        return new

    @property
    def awaits(self):
        """Whether checkpoints were told whose entries have not come."""
        return bool(self._expected)

    def expect(self, page):
        """Notes checkpoints, which the entries must bear out that are asked for after them."""
        self._expected, self._after = page["checkpoints"], page["cursor"]

    def witness(self, more):
        """Keeps the checkpoints whose entries are here; once there are no more entries, that must
        be all of them. Raises Broken for one that tells of another entry than ours."""
        here = [one for one in self._expected if not self._is_later(one)]
        self._expected = [one for one in self._expected if self._is_later(one)]
        if fresh := self._hold(here):
            self.store.add(self.witnesses, fresh)
        if self._expected and not more:
            raise Broken(self.stream, self.chain.position + 1, "end", self._expected)
        if here and not self._expected:
            self.checkpoints = self._after
            self.save()

    def go_back(self, head, cursor):
        """Goes on from a chain that ends earlier. What is kept after its end leaves our files: the
        caller has put it aside."""
        for name in (self.witnesses, self.name):
            self.store.shorten(name, lambda one: one["position"] <= head.position)
        self.chain, self.cursor, self.checkpoints = head, cursor, ""  # those come again, the same
        self.reached, self.acknowledged = head.position, min(self.acknowledged, head.position)
        self.save()

    def save(self):
        """Writes where to go on."""
        at = {"cursor": self.cursor, "acknowledged": self.acknowledged}
        at |= {"position": self.reached, "hash": self.chain.hash_at(self.reached)}
        self.store.write(f"{self.stream}.json", at | {"checkpoints": self.checkpoints})

    def _hold(self, checkpoints):
        """Those that are new. A place has one checkpoint for ever."""
        fresh = []
        for one in checkpoints:
            try:
                self.chain.hold(one)
            except Broken as broken:
                broken.page = one
                raise
            known = self._met.setdefault(one["position"], one)
            if known is one:
                fresh.append(one)
            elif known != one:
                raise Broken(self.stream, one["position"], "checkpoint", [known, one])
        return fresh

    def _is_later(self, checkpoint):
        position = checkpoint.get("position") if isinstance(checkpoint, dict) else None
        return isinstance(position, int) and position > self.chain.position


def _spelled(document):
    """As JSON, in ASCII: what others wrote may hold halves of characters. What is nested too deeply
    for that is kept as far as it can be shown."""
    for indent in (1, None):
        with suppress(RecursionError):
            return json.dumps(document, indent=indent)
    flat = {name: value for name, value in document.items() if not isinstance(value, dict | list)}
    return json.dumps({**flat, "left_out": "nested too deeply to be written"})


@contextmanager
def _locked(file, how, mode="a"):
    """Holds the lock of a file, which goes with the program however it ends. Raises Busy."""
    with open(file, mode, opener=_private) as target:
        try:
            fcntl.flock(target, how)
        except BlockingIOError:
            raise Busy("another program follows in this folder: end it first") from None
        yield


@contextmanager
def _stays_away(lock):
    """Whoever takes something away makes the lock first: while there is none, nothing is. Raises
    Busy, whatever else the block raises, if there is one at its end."""
    try:
        yield
    finally:
        if lock.exists():
            raise Busy("somebody began to follow in this folder: look again")


def _private(path, flags):
    return os.open(path, flags, 0o600)


def _sync(folder):
    handle = os.open(folder, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)

"""What is kept, in a folder that only its owner reads. Whatever moment the power goes, it is whole.

    config.json                 where the feed is, and which files hold the keys
    keys.json                   the feed's public keys, pinned or announced by one that was
    STREAM.jsonl                every entry as it was read, one on each line, only added to
    STREAM-checkpoints.jsonl    every checkpoint that our entries bear out, only added to
    STREAM.json                 the cursors to go on from, which entry the feed's stands after,
                                which was acknowledged last, and the moment of the newest pulse;
                                written after the entries
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
import re
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePath

from chain import public_keys
from telling import warn

STREAMS = ("monitoring", "handovers")
FOLDERS = ("dossiers", "answers", "evidence")
ANSWER = {"id", "written", "body", "result"}
ID = re.compile(r"[A-Za-z0-9_-]{16,64}")  # of an answer, as Standard Webhooks has it
STALE = 3600  # seconds after which nobody is still writing a file


class Busy(Exception):
    """Another program follows in this folder, or began to while we looked."""


class Strange(Exception):
    """A file, a line or the name of one that is none of ours, or what cannot be written as one."""


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
        except (ValueError, RecursionError):
            raise Strange(f"{file} is damaged: it is no JSON") from None

    def write(self, name, document):
        """Replaces a document as a whole, and only once it is on the disk. Raises Strange for one
        that cannot be spelled: what stood there stays."""
        text = _spelled(document)
        if text is None:
            raise Strange(f"{name} is not written: it is nested too deeply")
        with (
            self._fresh(name) as fresh,
            open(fresh, "w", encoding="ascii", opener=_private) as target,
        ):
            target.write(text)
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

    def answer(self, id):
        """The answer of this id, or None; there is none of what is no id. Raises Strange as
        `answers`."""
        name = f"answers/{id}.json"
        is_id = isinstance(id, str) and ID.fullmatch(id)
        return self._answer(name) if is_id and self.has(name) else None

    def _answer(self, name):
        one = self.read(name)
        ours = isinstance(one, dict) and one.keys() == ANSWER
        if not ours or name != f"answers/{one['id']}.json":
            raise Strange(f"{name} is no answer that was written here: nothing is signed")
        return one

    def keys(self):
        """The trusted keys by name."""
        return public_keys({"keys": [jwk for jwk in self._keys() if not jwk.get("withdrawn")]})

    def withdrawn(self):
        """The names of those that will never sign."""
        return {jwk["kid"] for jwk in self._keys() if jwk.get("withdrawn")}

    def trust(self, jwks):
        """Adds keys; what is there already stays as it is, also what another program adds
        meanwhile."""
        with _locked(self.folder / "keys.lock", fcntl.LOCK_EX):
            kept = {jwk["kid"]: jwk for jwk in self._keys()}
            fresh = {jwk["kid"]: jwk for jwk in jwks if jwk["kid"] not in kept}
            if fresh:
                self.write("keys.json", {"keys": [*kept.values(), *fresh.values()]})

    def distrust(self, kids):
        """Keys that will never sign, whoever says so: they are trusted no more."""
        if set(kids) <= self.withdrawn():
            return
        with _locked(self.folder / "keys.lock", fcntl.LOCK_EX):
            kept = {kid: {"kid": kid} for kid in kids} | {jwk["kid"]: jwk for jwk in self._keys()}
            for kid in kids:
                kept[kid] = {**kept[kid], "withdrawn": True}
            self.write("keys.json", {"keys": [*kept.values()]})

    def _keys(self):
        return self.read("keys.json", {"keys": []})["keys"]

    def entries(self, stream):
        """The kept entries in order."""
        return self.lines(f"{stream}.jsonl")

    def lines(self, name):
        """The documents of a file, one on each line, up to one that is not finished: whoever writes
        it may finish it meanwhile, and its end is no line. Raises Strange for a line that is no
        document."""
        file = self.place(name)
        if file.exists():
            with open(file, "rb") as lines:
                for n, line in enumerate(lines, 1):
                    if not line.endswith(b"\n"):
                        return
                    yield _document(line, f"line {n} of {file}")

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
        """Keeps what did not hold, but for members that cannot be spelled, whose names are told;
        the file's name."""
        when, more = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()), itertools.count(2)
        name = f"evidence/{when}-{stream}.json"
        while self.has(name):
            name = f"evidence/{when}-{stream}-{next(more)}.json"
        kept = {one: value for one, value in found.items() if _spelled([value]) is not None}
        if left_out := sorted(found.keys() - kept.keys()):
            kept["left_out"] = f"nested too deeply to be written: {', '.join(left_out)}"
        self.write(name, kept)
        return self.folder / name

    def _sweep(self):
        """Removes what was being written when somebody died: it may hold who a reporter is."""
        for file in (*self.folder.glob("*.new"), *self.folder.glob("*/*.new")):
            with suppress(FileNotFoundError):
                if file.stat().st_mtime < time.time() - STALE:
                    file.unlink()


def _spelled(document):
    """As JSON, in ASCII: what others wrote may hold halves of characters. None for what is nested
    too deeply."""
    for indent in (1, None):
        with suppress(RecursionError):
            return json.dumps(document, indent=indent)
    return None


def _document(line, where):
    """The JSON object of a line. Raises Strange for what is none."""
    try:
        told = json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise Strange(f"{where} is damaged: it is no JSON object")
    return told


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

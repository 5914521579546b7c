"""Finds planted values in any number of places at once, however they are disguised there.

A canary is a value that occurs nowhere else in the world. It is looked for as it is, without its
separators, by its longest words and its last eight digits; each of them in the encodings in which
it could travel; and by the digests that could be reversed by trying. What a place holds is looked
at as it is, with its lines joined and its backslashes single, and with what is packed unpacked; the
database's log also without what stands between its pages.
Letter case never matters. A place where a canary may be is named by a pattern; everywhere else it
is a leak.
"""

import os
import re
import shutil
import subprocess
import unicodedata
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.failure.disguises import disguises

Sink = tuple[str, bytes | Path]  # its name, such as `database/notify/message`, and what it holds
DEPTH = 3  # compressed in compressed in compressed
LARGEST = 16 << 20  # bytes that are unpacked of one stream
PACKED = (b"\x1f\x8b\x08", b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")  # gzip, zlib
SLASHES = re.compile(rb"\\+")
ENDS_NUMBER, BEGINS_NUMBER = (
    re.compile(rb"([0-9]|[0-9a-fA-F]{4})$"), re.compile(rb"[0-9]|[0-9a-fA-F]{4}"),
)  # fmt: skip
# No alternative begins with what may be missing: so the search skips from one to the next, and all
# that a system has written is read five times as fast.
BREAK = rb"(?:\r\n|\n|\\r|\\n)"
LINES = (  # also as text in JSON, also of quoted-printable; then those that are indented; then
    # those between the pieces of one text, as Erlang writes a long one
    re.compile(rb"(?:=\r\n|=\n|=\\r|=\\n|\r\n|\n|\\r|\\n)" + BREAK + rb"*"),
    re.compile(BREAK + BREAK + rb"*[ \t]*"),
    re.compile(rb'"\r?\n[ \t]*"'),
)
WAL_PAGE = 8192  # bytes; the first of a segment has a longer head


@dataclass(frozen=True)
class Canary:
    """A value, and the places (patterns of sinks' names) where it may be. What is `random` cannot
    be guessed, so that its digest may be anywhere."""

    name: str
    value: str
    allowed: tuple[str, ...] = ()
    random: bool = False

    def may_be_in(self, sink: str) -> bool:
        return any(fnmatchcase(sink, pattern) for pattern in self.allowed)


Hit = tuple[Canary, str]  # what was found, in which disguise


def leaks(hits: Mapping[str, set[Hit]]) -> dict[str, set[str]]:
    """Of what was found, what may not be where it is."""
    found = {
        name: {f"{one.name} ({disguise})" for one, disguise in there if not one.may_be_in(name)}
        for name, there in hits.items()
    }
    return {name: leaking for name, leaking in found.items() if leaking}


class Sweep:
    """All canaries at once."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._forms: dict[bytes, Hit] = {}
        for canary in canaries:
            value = unicodedata.normalize("NFC", canary.value)
            for disguise, form in disguises(value, digests=not canary.random):
                self._forms.setdefault(form.lower(), (canary, disguise))
        assert self._forms, "no canary, no sweep"

    def leaks(self, sinks: Iterable[Sink], folder: Path) -> dict[str, set[str]]:
        """The places where a canary is that may not be there, each with what was found and in
        which disguise. Works in `folder`, which must not be there before and is not afterwards."""
        return leaks(self.hits(sinks, folder))

    def hits(self, sinks: Iterable[Sink], folder: Path) -> dict[str, set[Hit]]:
        """All that is found, whether it may be there or not."""
        folder.mkdir(parents=True)
        try:
            names = dict(_laid_out(sinks, folder))
            found = defaultdict[str, set[Hit]](set)
            for file, form in self._found(folder, names):
                found[names[file]].add(self._forms[form])
        finally:
            shutil.rmtree(folder)
        return dict(found)

    def _found(self, folder: Path, names: dict[Path, str]) -> Iterator[tuple[Path, bytes]]:
        """Each hit: one search for thousands of forms, by the program that was made for it."""
        patterns = folder.with_suffix(".forms")
        patterns.write_bytes(b"\n".join(self._forms) + b"\n")
        command = ["grep", "--binary", "-abFHioZ", "-f", patterns, "--"]
        try:
            for files in _portions(sorted(names)):
                run = subprocess.run(
                    [*command, *files], capture_output=True, check=False,
                    env={"LC_ALL": "C", "PATH": os.defpath},
                )  # fmt: skip
                # a file may go while it is looked at: the database removes what it recycles
                trouble = [w for w in run.stderr.splitlines() if b"No such file" not in w]
                assert trouble == [], trouble[:3]
                yield from self._read(run.stdout)
        finally:
            patterns.unlink()

    def _read(self, said: bytes) -> Iterator[tuple[Path, bytes]]:
        for line in said.split(b"\n")[:-1]:
            name, _, rest = line.partition(b"\0")
            offset, _, form = rest.partition(b":")
            file, form = Path(os.fsdecode(name)), form.lower()
            if not form.isdigit() or _stands_alone(file, int(offset), form):
                yield file, form


def _stands_alone(file: Path, offset: int, digits: bytes) -> bool:
    """Whether these digits are no piece of another number: of a time, a measure, a digest."""
    if len(digits) > 12:
        return True
    try:
        with file.open("rb") as held:
            held.seek(max(0, offset - 4))
            before = held.read(min(offset, 4))
            after = held.read(len(digits) + 4)[len(digits) :]
    except FileNotFoundError:
        return False  # the database has recycled it meanwhile
    return not ENDS_NUMBER.search(before) and not BEGINS_NUMBER.match(after)


def _laid_out(sinks: Iterable[Sink], folder: Path) -> Iterator[tuple[Path, str]]:
    """Files to search, each with its sink's name: those that are files already as they are, and
    one with whatever else was found in them."""
    number = 0
    for name, held in sinks:
        try:
            content = held if isinstance(held, bytes) else held.read_bytes()
        except FileNotFoundError:
            continue
        more = list(_more(content))
        if isinstance(held, Path):
            yield held, name
        else:
            more.append(content)
        if more:
            number += 1
            file = folder / str(number)
            file.write_bytes(b"\n".join(more))
            yield file, name


def _more(content: bytes, depth: int = DEPTH) -> Iterator[bytes]:
    """What else can be read in it: the lines joined, and everything that unpacks."""
    if b"\0" not in content:
        plain = SLASHES.sub(rb"\\", content)  # which JSON, a row's text and `repr` double
        plain = plain.replace(rb"\u0026", b"&")  # as Go writes JSON
        yield from {plain, *(lines.sub(b"", content) for lines in LINES)} - {content}
    if content[1:2] == b"\xd1" and len(content) % WAL_PAGE == 0:
        yield _without_heads(content)
    for start in _starts(content) if depth else ():
        if unpacked := _unpacked(content, start):
            yield unpacked
            yield from _more(unpacked, depth - 1)


def _without_heads(segment: bytes) -> bytes:
    """Of the database's write-ahead log, the records in one piece."""
    pages = (segment[at : at + WAL_PAGE] for at in range(0, len(segment), WAL_PAGE))
    return b"".join(page[40 if page[2] & 2 else 24 :] for page in pages)


def _starts(content: bytes) -> Iterator[int]:
    """Where a compressed stream may begin."""
    for magic in PACKED:
        at = content.find(magic)
        while at >= 0:
            yield at
            at = content.find(magic, at + 1)


def _unpacked(content: bytes, start: int) -> bytes:
    """As much as unpacks from there on: also of a stream that is cut off."""
    stream, found = zlib.decompressobj(wbits=47), b""
    try:
        for at in range(start, len(content), 4096):
            found += stream.decompress(content[at : at + 4096], LARGEST)
            if stream.eof or len(found) > LARGEST:
                break
    except zlib.error:
        pass
    return found if len(found) >= 8 else b""


def _portions(files: list[Path], size: int = 5000) -> Iterator[list[Path]]:
    for at in range(0, len(files), size):
        yield files[at : at + size]

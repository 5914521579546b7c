"""Looks for a reporter in every place where no reporter may be.

A canary is a value that occurs nowhere else in the world. It is looked for as it is, in other
letter case, without its separators, by its last eight digits, and in the encodings and plain
digests in which it could hide.
"""

import base64
import hashlib
import json
import quopri
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import quote

import httpx

from deploy.local.system import System

CHUNK = 1 << 20


def variants(canary: str) -> set[bytes]:
    """Every form of `canary` that counts as a hit; ASCII forms are matched in any letter case."""
    texts = {canary, re.sub(r"[\s.-]", "", canary), canary.replace(" ", "+")}
    digits = re.sub(r"\D", "", canary)
    if len(digits) >= 8:
        texts.add(digits[-8:])
    found: set[bytes] = set()
    for text in texts:
        raw = text.encode()
        found |= {raw, raw.hex().encode(), quote(text).encode(), quopri.encodestring(raw).strip()}
        found |= {json.dumps(text)[1:-1].encode()}
        found |= {hashlib.new(name, raw).hexdigest().encode() for name in ("md5", "sha1", "sha256")}
        found |= set(_base64(raw))
    return {f.lower() for f in found if len(f) >= 8}


def _base64(raw: bytes) -> Iterator[bytes]:
    """The part of base64 that does not depend on what stands before and after, by alignment."""
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        start, end = -(-shift * 8 // 6), (shift + len(raw)) * 8 // 6
        yield encoded[start:end]
        yield encoded[start:end].translate(bytes.maketrans(b"+/", b"-_"))


class Sweep:
    """All canaries at once, against any text or file."""

    def __init__(self, canaries: Iterable[str]) -> None:
        self._forms = {form: canary for canary in canaries for form in variants(canary)}
        self._pattern = re.compile(b"|".join(re.escape(f) for f in self._forms))
        self._overlap = max(map(len, self._forms))

    def hits(self, text: bytes) -> set[str]:
        """The canaries that stand in `text` in any form."""
        return {self._forms[found] for found in self._pattern.findall(text.lower())}

    def hits_in_file(self, file: Path) -> set[str]:
        """The same for a file of any size."""
        found, before = set[str](), b""
        with file.open("rb") as source:
            while chunk := source.read(CHUNK):
                found |= self.hits(before + chunk)
                before = chunk[-self._overlap :]
        return found

    def leaks(self, places: Iterable[tuple[str, bytes | Path]]) -> dict[str, set[str]]:
        """Where anything was found, and what."""
        looked = {
            name: self.hits_in_file(held) if isinstance(held, Path) else self.hits(held)
            for name, held in places
        }
        return {name: found for name, found in looked.items() if found}


def files(system: System) -> Iterator[tuple[str, Path]]:
    """Every file of the system but its mails: logs, state, data of the broker and the database."""
    mails, lent = system.folder / "mails", system.folder / "postgres" / "elsewhere"
    homes = [system.folder, *([Path(lent.read_text().strip())] if lent.exists() else [])]
    for file in (f for home in homes for f in home.rglob("*")):
        if file.is_file() and not file.is_symlink() and mails not in file.parents:
            yield str(file), file


def databases(system: System) -> Iterator[tuple[str, bytes]]:
    """Every row of every table, notify's too: even there nobody stands in clear."""
    for service in system.services:
        tables = system.psql(service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            rows = system.psql(service, f'SELECT t::text FROM "{table}" t')
            yield f"{service}.{table}", "\n".join(row for (row,) in rows).encode()
            yield f"{service}.{table} bytes", _bytes(system, service, table)


def _bytes(system: System, service: str, table: str) -> bytes:
    columns = system.psql(
        service,
        "SELECT column_name FROM information_schema.columns"
        " WHERE table_name = %s AND data_type = 'bytea'",
        [table],
    )
    found = b""
    for (column,) in columns:
        for (held,) in system.psql(service, f'SELECT "{column}" FROM "{table}"'):
            found += bytes(held or b"") + b"\n"
    return found


def metrics(system: System) -> Iterator[tuple[str, bytes]]:
    """What every process measures."""
    for name, port in system.scrape_targets().items():
        answer = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5, trust_env=False)
        yield f"metrics of {name}", answer.content

"""What the system keeps, as it lies: every file, every row, and what the database tells of both."""

import os
import subprocess
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg2

from deploy.local.postgres import program
from deploy.local.system import System
from tests.failure.canaries import Sink

BARE = (
    "SELECT format('ALTER TABLE %I ALTER COLUMN %I SET STORAGE EXTERNAL', relname, attname)"
    " FROM pg_attribute JOIN pg_class c ON c.oid = attrelid"
    " WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0"
    " AND NOT attisdropped AND attstorage IN ('x', 'm')"
)
SHOWN = "SELECT coalesce(datname, 'none'), query FROM pg_stat_activity WHERE query <> ''"


def laid_bare(system: System) -> None:
    """From now on the database packs nothing, and keeps every segment of its log: what was ever
    written can be read there, also if it is long, and long gone."""
    for service in system.services:
        with system.postgres.session(service) as run:
            for (statement,) in run(BARE):
                run(statement)
    with system.postgres.session("postgres") as run:
        run("ALTER SYSTEM SET wal_keep_size = '4GB'")
        run("SELECT pg_reload_conf()")


def files(system: System) -> Iterator[Sink]:
    """Every file but the mails: logs, state, what is kept for a while, broker and database; and
    what all of them are called."""
    lent = system.folder / "postgres" / "elsewhere"
    home = Path(lent.read_text()) if lent.exists() else system.folder / "postgres" / "home"
    data = home / "data" if home.exists() else system.folder / "postgres" / "data"
    folders, names = _folders(system), list[str]()
    for root in {system.folder, data}:
        for file in root.rglob("*"):
            names.append(_called(file, root))
            if file.is_symlink() or not file.is_file() or file.match("mails/*.eml"):
                continue
            if data not in file.parents:
                yield f"files/{file.relative_to(system.folder)}", file
            elif root == data:
                kind, *rest = file.relative_to(data).parts
                if kind == "base":
                    rest = [folders.get(rest[0], rest[0]), *rest[1:]]
                yield "/".join(("files/postgres", kind, *rest)), file
    yield "files/names", "\n".join(names).encode("utf-8", "surrogateescape")


def _called(file: Path, root: Path) -> str:
    """Its name, and where it leads to."""
    name = str(file.relative_to(root))
    return f"{name} -> {file.readlink()}" if file.is_symlink() else name


def _folders(system: System) -> dict[str, str]:
    """Which folder of the server's data is whose."""
    return dict(system.postgres.psql("SELECT oid::text, datname FROM pg_database"))


def databases(system: System) -> Iterator[Sink]:
    """Every row of every table as text and as bytes, what the planner keeps of them, and a
    backup."""
    for service in system.services:
        system.psql(service, "ANALYZE")
        tables = system.psql(service, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables:
            rows = system.psql(service, f'SELECT t::text FROM "{table}" t')
            yield f"database/{service}/{table}", "\n".join(row for (row,) in rows).encode()
            yield f"database/{service}/{table}", _bytes(system, service, table)
        planner = system.psql(service, "SELECT s::text FROM pg_stats s WHERE schemaname = 'public'")
        yield f"database/{service}/pg_stats", str(planner).encode()
        yield f"database/{service}/backup", _backup(system, service)
    yield from sessions(system)


def sessions(system: System) -> Iterator[Sink]:
    """What the server shows of who is at work, statements included."""
    active = "SELECT coalesce(datname, 'none'), a::text FROM pg_stat_activity a"
    for name, row in system.postgres.psql(active):
        yield f"database/{name}/pg_stat_activity", row.encode()


@contextmanager
def glancing(system: System) -> Iterator[set[str]]:
    """What the server shows of who is at work, looked at again and again while the block runs; the
    set grows meanwhile."""
    seen, over = set[str](), threading.Event()

    def look() -> None:
        while not over.is_set():
            with suppress(psycopg2.Error), system.postgres.session("postgres") as run:
                while not over.wait(0.05):
                    seen.update(f"{name} {query}" for name, query in run(SHOWN))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()


def shown(seen: Iterable[str]) -> Sink:
    """All the glances."""
    return "database/meanwhile/pg_stat_activity", "\n".join(list(seen)).encode()


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


def _backup(system: System, service: str) -> bytes:
    """As it leaves the machine: with comments, defaults and all."""
    dump = program(Path("/nowhere"), "pg_dump")
    command = [dump, "-h", "127.0.0.1", "-p", str(system.postgres.port), "-U", "postgres", service]
    password = (system.folder / "postgres" / "administrator-password").read_text()
    told = {"PATH": os.defpath, "PGPASSWORD": password}
    return subprocess.run(command, env=told, capture_output=True, check=True).stdout

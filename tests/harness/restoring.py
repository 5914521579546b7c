"""Brings a database that was used back to what it was when it was made, or says that it cannot.

What was done since is told by the server's own numbers, not by comparing: each version of a row
bears the number of the transaction that wrote it (`xmin`), and a version never changes. So a table
has what it had at a moment if it has no younger row and as many older ones as then. The catalogue
is tables, too: whoever made, altered or granted anything has left a younger row there, or one less.

Younger rows are taken out. Of a table with few rows that were there, changed ones are put back from
what was read then; of a larger one they are not, and the database must go.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Run = Callable[..., list[tuple[Any, ...]]]
FEW = 50  # rows that are kept, to put them back

_TABLES = """
    SELECT c.oid::regclass::text, c.relnamespace = 'public'::regnamespace FROM pg_class c
    WHERE c.relkind IN ('r', 'm') AND NOT c.relisshared AND c.relpersistence <> 't'
        AND c.relnamespace <> 'pg_toast'::regnamespace
"""
_SEQUENCES = "SELECT seqrelid::regclass::text FROM pg_sequence"
_REFERENCES = """
    SELECT confrelid::regclass::text, conrelid::regclass::text FROM pg_constraint
    WHERE contype = 'f'
"""
# What may be otherwise without a younger row here: the database's own settings, which all databases
# keep together, and what the planner knows of the tables, which is written over. Of an empty table
# it knows nothing, or that it is empty: the server may have looked at it before or not.
_SETTINGS = """
    SELECT datdba, datacl::text, datconnlimit, datallowconn, datistemplate, ARRAY(
            SELECT (setrole, setconfig)::text FROM pg_db_role_setting
            WHERE setdatabase = d.oid ORDER BY setrole),
        ARRAY(SELECT (c.oid, reltuples, relpages)::text FROM pg_class c
            WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace
                AND reltuples > 0 ORDER BY c.oid)
    FROM pg_database d WHERE datname = current_database()
"""


@dataclass(frozen=True)
class Mark:
    """What there was at a moment; `since` is a transaction's number that was the next then."""

    since: str
    older: Mapping[str, int]  # rows of each table, the catalogue's too
    sequences: Mapping[str, tuple[int, bool]]
    settings: tuple[Any, ...]
    younger: Mapping[str, int]  # those tables that have rows which came since, how many
    few: Mapping[str, list[str]] = field(default_factory=dict)  # small tables, row by row


def mark(run: Run) -> Mark:
    """How a database is now."""
    seen = _seen(run, _next(run))
    small = [name for name in _ours(run) if 0 < seen.older[name] <= FEW]
    return replace(seen, few={name: _rows(run, name) for name in small})


def restored(run: Run, before: Mark) -> Mark | None:
    """Takes out what came since; how it is then, for the next time, or None: it must go."""
    now, ours = _seen(run, before.since), set(_ours(run))
    changed = {name for name, count in now.older.items() if before.older.get(name) != count}
    if now.settings != before.settings or not ours.issuperset(now.younger):
        return None
    if now.older.keys() != before.older.keys() or not changed <= before.few.keys():
        return None
    run("SET session_replication_role = replica")  # no guard of a table's, no key to another
    _take_out(run, before, now.younger.keys() - changed)
    for name in changed:
        _put_back(run, name, before.few[name])
    for name, value in before.sequences.items():
        if now.sequences.get(name) != value:
            run("SELECT setval(%s, %s, %s)", [name, *value])
    again = mark(run)
    return again if replace(again, since=before.since) == before else None


def _ours(run: Run) -> list[str]:
    return [name for name, public in run(_TABLES) if public]


def _rows(run: Run, name: str) -> list[str]:
    """As the server spells them; a table that was put back has them in the same order."""
    return [row for (row,) in run(f"SELECT t::text FROM {name} t")]


def _take_out(run: Run, before: Mark, grown: Collection[str]) -> None:
    emptied = _emptied(before, grown, run(_REFERENCES))
    if emptied:
        run(f"TRUNCATE {', '.join(sorted(emptied))}")  # as new: its rows begin in the first page
    for name in set(grown) - emptied:
        young = "age(xmin) < age(CAST(%s AS xid))"
        run(f"DELETE FROM {name} WHERE {young}", [before.since])


def _put_back(run: Run, name: str, rows: list[str]) -> None:
    run(f"DELETE FROM {name}")
    told = f"SELECT (unnest(CAST(%s AS {name}[]))).*"
    run(f"INSERT INTO {name} OVERRIDING SYSTEM VALUE {told}", [rows])


def _emptied(before: Mark, grown: Collection[str], references: list[tuple[str, str]]) -> set[str]:
    """Tables that are to be empty, with those that refer to them; none of them if one of these is
    not to be: it could not be left out."""
    chosen = {name for name in grown if not before.older[name]}
    while more := {to for of, to in references if of in chosen} - chosen:
        chosen |= more
    return set() if any(before.older[name] for name in chosen) else chosen


def _next(run: Run) -> str:
    return str(run("SELECT pg_current_xact_id()::xid::text")[0][0])


def _seen(run: Run, since: str) -> Mark:
    """All rows are counted in one statement, against the same number."""
    counted = " UNION ALL ".join(
        f"SELECT '{name}', count(*) FILTER (WHERE age(xmin) > age(s.n)),"
        f" count(*) FILTER (WHERE age(xmin) <= age(s.n)) FROM {name}, s"
        for name, _ in run(_TABLES)
    )
    rows = run(f"WITH s AS MATERIALIZED (SELECT CAST(%s AS xid) AS n) {counted}", [since])
    sequences = {
        name: run(f"SELECT last_value, is_called FROM {name}")[0] for (name,) in run(_SEQUENCES)
    }
    older, younger = ({row[0]: row[n] for row in rows} for n in (1, 2))
    came = {name: count for name, count in younger.items() if count}
    return Mark(since, older, sequences, run(_SETTINGS)[0], came)

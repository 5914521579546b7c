"""What officers did is proved: whoever rewrites it with all rights of the database is found out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from chassis import cli
from services.routing import trail
from services.routing.models import TrailLink
from tests.harness.waiting import eventually
from tests.service.routing.office import Office

AT_ONCE = timedelta(0)
ONLY_ADDED_TO = (*trail.PROVED, "trail_link")


@pytest.fixture(autouse=True)
def begun(office: Office) -> Iterator[None]:
    """Each test begins with a trail that nobody has touched, and leaves none."""
    rights(office, "DISABLE")
    for table in (*ONLY_ADDED_TO, "trail_mark"):
        office.database.psql(f"DELETE FROM {table}")
    rights(office, "ENABLE")
    yield
    rights(office, "ENABLE")


def rights(office: Office, word: str) -> None:
    """What only the owner of the tables may: with it nothing is refused any more."""
    for table in ONLY_ADDED_TO:
        office.database.psql(f"ALTER TABLE {table} {word} TRIGGER USER")


def extend(office: Office, settled: timedelta = AT_ONCE) -> bool:
    with office.db.begin() as tx:
        return trail.extend(tx, settled)


def linked(office: Office) -> None:
    """What was done is marked, and linked as soon as every transaction of the server has ended."""

    def none_left() -> bool:
        extend(office)
        held = sum(len(one["rows"]) for link in entries(office) for one in link["tables"].values())
        return held == sum(len(rows(office, table)) for table in trail.PROVED)

    eventually(none_left, "every row is linked")


def entries(office: Office) -> list[Any]:
    return [e for (e,) in office.database.psql("SELECT entry FROM trail_link ORDER BY position")]


def verified(office: Office, witnessed: Any = None) -> tuple[int, str | None]:
    """How many rows hold, and the first thing that does not."""
    with office.db.begin() as tx:
        held, broken = trail.verify(tx, witnessed)
    return held, broken and f"{broken.position}: {broken.what}"


def heads(office: Office) -> dict[int, bytes]:
    asked = "SELECT position, hash FROM trail_link"
    return {position: bytes(hash) for position, hash in office.database.psql(asked)}


def told(office: Office) -> list[dict[str, Any]]:
    return [data for (data,) in office.database.psql(
        "SELECT data FROM outbox WHERE type = 'trail.extended.v1' ORDER BY id")]  # fmt: skip


def rows(office: Office, table: str = "case_event") -> list[int]:
    return [id for (id,) in office.database.psql(f"SELECT id FROM {table} ORDER BY id")]


def lived(office: Office, links: int = 3) -> None:
    """Cases, sign-ins, denials and a name, in several links; for none, what would be next."""
    for _ in range(links or 1):
        office.clock.moved += timedelta(minutes=1)  # of a minute, only some denials are noted
        office.sign_in("liaison")
        named = {"name": f"Dinas Perhubungan {office.clock.now()}", "active": True}
        office.ask("PUT", "/v1/agencies/dishub", named, "administrator")
        number = office.bring("disposed")
        office.ask("GET", f"/v1/cases/{number}", as_="stranger")
        if links:
            linked(office)


def test_what_was_done_and_refused_is_linked_and_its_hash_is_told(office: Office) -> None:
    before = len(told(office))
    lived(office)

    held, wrong = verified(office, heads(office))
    assert (held, wrong) == (sum(len(rows(office, t)) for t in trail.PROVED), None)
    assert len(rows(office)) > 0 < len(rows(office, "denial"))
    said = {one["position"]: bytes.fromhex(one["hash"]) for one in told(office)[before:]}
    assert said == heads(office)
    assert sum(one["rows"] for one in told(office)[before:]) == held


def test_nothing_is_linked_before_its_time_and_no_link_is_empty(office: Office) -> None:
    office.bring("disposed")
    assert not extend(office, trail.SETTLED)  # it is marked
    assert not extend(office, trail.SETTLED)
    assert heads(office) == {}

    office.database.psql("UPDATE trail_mark SET at = at - interval '10 minutes'")
    eventually(lambda: extend(office, trail.SETTLED) or heads(office), "a link")
    assert [*heads(office)] == [1]
    for _ in range(3):
        extend(office)
    assert [*heads(office)] == [1]


def test_more_than_one_link_holds_is_linked_at_once(office: Office, monkeypatch: Any) -> None:
    monkeypatch.setattr(trail, "MOST", 2)
    for _ in range(3):
        office.bring("disposed")
    linked(office)

    assert len(heads(office)) > 2
    assert verified(office)[1] is None
    assert verified(office)[0] >= len(rows(office))


@pytest.mark.parametrize("waits", [True, False])
def test_a_row_whose_transaction_ends_late_is_linked_too(
    office: Office, monkeypatch: Any, waits: bool
) -> None:
    """The negative control is a trail that does not wait for it."""
    if not waits:
        monkeypatch.setattr(trail, "_ENDED", sa.text("SELECT CAST(:horizon AS text) IS NOT NULL"))
    number = office.bring("disposed")
    copy = (
        "INSERT INTO case_event (number, at, action, role, changes) SELECT number, at, action,"
        f" role, changes FROM case_event WHERE number = '{number}' LIMIT 1"
    )
    with office.db.begin() as late:
        late.execute(sa.text(copy))
        office.database.psql(copy)  # with a later number, and there at once
        for _ in range(2):
            extend(office)
        assert bool(heads(office)) is not waits
    if waits:
        linked(office)

    held, wrong = verified(office)
    assert (wrong is None) is waits
    if waits:
        assert held == sum(len(rows(office, t)) for t in trail.PROVED)
    else:
        assert "was added" in str(wrong)


FORGED = [
    ("UPDATE case_event SET officer_id = NULL WHERE id = {}", "1: case_event {} was changed"),
    ("UPDATE case_event SET why = 'as agreed' WHERE id = {}", "1: case_event {} was changed"),
    ("UPDATE case_event SET recorded_at = recorded_at - interval '1 s' WHERE id = {}",
     "1: case_event {} was changed"),
    ("DELETE FROM case_event WHERE id = {}", "1: case_event {} is missing"),
    ("TRUNCATE case_event", "1: case_event {first} is missing"),
    ("INSERT INTO case_event OVERRIDING SYSTEM VALUE SELECT {} + 0 AS id, number, at, recorded_at,"
     " action, role, officer_id, agency, why, refused, changes FROM case_event WHERE id = {first}",
     None),
    ("INSERT INTO case_event OVERRIDING SYSTEM VALUE SELECT -1 AS id, number, at, recorded_at,"
     " action, role, officer_id, agency, why, refused, changes FROM case_event WHERE id = {first}",
     "1: case_event -1 was added"),
    ("DELETE FROM officer_event", "1: officer_event {officer} is missing"),
    ("DELETE FROM denial", "1: denial {denial} is missing"),
    ("UPDATE agency_event SET by = (SELECT id FROM officer WHERE username = 'liaison')",
     "1: agency_event {agency} was changed"),
    ("UPDATE trail_link SET entry = entry || '{{\"at\": \"2026-01-01T00:00:00Z\"}}'"
     " WHERE position = 2", "2: the link was changed"),
    ("UPDATE trail_link SET hash = '\\x00' WHERE position = 2", "2: the link was changed"),
    ("DELETE FROM trail_link WHERE position = 2", "2: the link is missing"),
    ("DELETE FROM trail_link WHERE position = 1", "1: the link is missing"),
    ("DELETE FROM trail_link WHERE position = 3", "3: the link was witnessed and is missing"),
    ("TRUNCATE trail_link", "1: the link was witnessed and is missing"),
]  # fmt: skip


@pytest.mark.parametrize(("forgery", "found"), FORGED, ids=[f[:40] for f, _ in FORGED])
def test_what_is_forged_is_found_and_named(office: Office, forgery: str, found: str | None) -> None:
    lived(office)
    witnessed = heads(office)
    first, second, *_ = rows(office)
    names = {"first": first, "denial": rows(office, "denial")[0],
             "officer": rows(office, "officer_event")[0],
             "agency": rows(office, "agency_event")[0]}  # fmt: skip
    rights(office, "DISABLE")
    if found is None:  # a row in the place of one that was there
        office.database.psql(f"DELETE FROM case_event WHERE id = {second}")
        found = "1: case_event {} was changed"
    office.database.psql(forgery.format(second, **names))

    assert verified(office, witnessed)[1] == found.format(second, **names)


def test_rows_that_changed_places_are_found(office: Office) -> None:
    lived(office)
    first, second, *_ = rows(office)
    rights(office, "DISABLE")
    for old, new in ((first, -1), (second, first), (-1, second)):
        office.database.psql(
            "WITH moved AS (DELETE FROM case_event WHERE id = %s RETURNING *)"
            " INSERT INTO case_event OVERRIDING SYSTEM VALUE SELECT %s AS id, number, at,"
            " recorded_at, action, role, officer_id, agency, why, refused, changes FROM moved",
            [old, new],
        )

    assert verified(office)[1] == f"1: case_event {first} was changed"


def forge(office: Office) -> None:
    """Hashes everything anew, as whoever knows how links are made can."""
    hash, reached = trail.GENESIS, dict.fromkeys(trail.PROVED, trail.BEFORE_ALL)
    found = "SELECT position, entry FROM trail_link ORDER BY position"
    for position, entry in office.database.psql(found):
        with office.db.begin() as tx:
            tx.execute(sa.text("SET LOCAL timezone = 'UTC'"))
            for name, table in entry["tables"].items():
                span = reached[name], table["through"]
                table["rows"] = list(trail._hashes(tx, name, table["columns"], *span))
                reached[name] = table["through"]
        before, hash = hash, trail.digest(hash, entry)
        office.database.psql(
            "UPDATE trail_link SET prev_hash = %s, hash = %s, entry = %s WHERE position = %s",
            [before, hash, json.dumps(entry), position],
        )


def test_who_hashes_everything_anew_is_found_by_what_the_ombudsman_kept(office: Office) -> None:
    lived(office)
    witnessed = heads(office)
    rights(office, "DISABLE")
    office.database.psql(f"DELETE FROM case_event WHERE id = {rows(office)[1]}")
    forge(office)

    assert verified(office)[1] is None  # why a witness is needed
    assert verified(office, {3: witnessed[3]})[1] == "3: another link was witnessed"
    assert verified(office, witnessed)[1] == "1: another link was witnessed"


@pytest.mark.parametrize(
    ("table", "most"), [*((table, trail.MOST) for table in trail.PROVED), ("case_event", 2)]
)
def test_a_row_that_is_put_into_an_earlier_day_is_found(
    office: Office, monkeypatch: Any, table: str, most: int
) -> None:
    """Somebody set the database's clock back for a moment, and noted something. What is more than a
    link holds stands in several."""
    monkeypatch.setattr(trail, "MOST", most)
    lived(office)
    lived(office, 0)
    known = max(rows(office, table))
    lived(office, 0)
    rights(office, "DISABLE")
    office.database.psql(
        f"UPDATE {table} SET recorded_at = recorded_at - interval '1 day' WHERE id > {known}"
    )
    rights(office, "ENABLE")
    linked(office)

    early = min(id for id in rows(office, table) if id > known)
    [its] = [e["position"] for e in entries(office)
             if early in dict(e["tables"][table]["rows"])]  # fmt: skip
    assert verified(office)[1] == f"{its}: {table} {early} was noted before its time"


def test_a_table_that_comes_later_is_proved_from_its_beginning(
    office: Office, monkeypatch: Any
) -> None:
    """What the version before had marked and linked knew nothing of it."""
    fewer = {name: columns for name, columns in trail.PROVED.items() if name != "agency_event"}
    with monkeypatch.context() as before:
        before.setattr(trail, "PROVED", fewer)
        lived(office)
        lived(office, 0)
        extend(office)
    assert "agency_event" not in entries(office)[-1]["tables"]

    linked(office)

    assert verified(office) == (sum(len(rows(office, t)) for t in trail.PROVED), None)
    assert len(entries(office)[-1]["tables"]["agency_event"]["rows"]) == 4


@pytest.mark.parametrize(
    "change",
    ["horizon = (pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000)::text",
     "at = at + interval '1 day'"],
    ids=["restored into another server", "a clock that went ahead"],
)  # fmt: skip
def test_a_mark_of_elsewhere_or_of_tomorrow_is_made_anew(office: Office, change: str) -> None:
    office.bring("disposed")
    extend(office)
    office.database.psql(f"UPDATE trail_mark SET {change}")

    linked(office)

    assert [*heads(office)] == [1]
    assert verified(office)[1] is None


NO_LINKS = [
    {}, {"position": 1}, {"at": "2026-11-28T00:00:00Z", "tables": {"denial": {}}},
    {"at": "soon", "tables": {}}, {"at": "2026-11-28T00:00:00Z", "tables": []},
    {"at": "2026-11-28T00:00:00Z", "tables": {"officer": {"columns": ["password_hash"]}}},
]  # fmt: skip


@pytest.mark.parametrize("entry", NO_LINKS, ids=str)
def test_what_never_was_a_link_is_found_however_well_it_is_hashed(
    office: Office, entry: Any
) -> None:
    lived(office, 1)
    rights(office, "DISABLE")
    office.database.psql(
        "UPDATE trail_link SET hash = %s, entry = %s",
        [trail.digest(trail.GENESIS, entry), json.dumps(entry)],
    )

    assert verified(office)[1] == "1: no link that was ever made"


def test_the_service_itself_can_only_add_links(office: Office) -> None:
    lived(office, 1)
    for change in (sa.delete(TrailLink), sa.update(TrailLink).values(hash=b"x")):
        with pytest.raises(DBAPIError, match="permission denied"), office.db.begin() as tx:
            tx.execute(change)


def test_a_link_can_be_checked_by_hand(office: Office) -> None:
    """By what its documentation says, and nothing of ours."""
    lived(office, 2)
    hash = bytes(32)
    found = "SELECT prev_hash, hash, entry FROM trail_link ORDER BY position"
    for prev_hash, stored, entry in office.database.psql(found):
        assert bytes(prev_hash) == hash
        hash = hashlib.sha256(hash + rfc8785.dumps(entry)).digest()
        assert bytes(stored) == hash


def test_the_operator_checks_it_with_what_the_ombudsman_kept(
    office: Office, monkeypatch: Any, capsys: Any
) -> None:
    lived(office)
    kept = [f"{position}:{hash.hex()}" for position, hash in heads(office).items()]

    def run(*words: str) -> str:
        monkeypatch.setattr(cli, "settings", lambda _: office.settings)
        monkeypatch.setattr("sys.argv", ["routing", "verify-trail", *words])
        cli.main("routing")
        return str(capsys.readouterr().out)

    assert run("--witnessed", *kept) == f"all {verified(office)[0]} rows hold\n"
    with pytest.raises(
        SystemExit, match=r"rows hold; link 9: the link was witnessed and is missing"
    ):
        run("--witnessed", "9:" + "00" * 32)
    for wrong in ("first", "9:", "9:00", "9:" + "x" * 64, "-1:" + "00" * 32, "0:" + "00" * 32):
        with pytest.raises(SystemExit):
            run(f"--witnessed={wrong}")
        assert "a colon, and its hash" in capsys.readouterr().err

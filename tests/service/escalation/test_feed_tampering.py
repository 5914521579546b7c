"""Whoever may do everything in the database changes the feed, and `verify-feed` names the first
entry that does not hold. What it cannot see alone is seen by who kept a little of it elsewhere.
"""

import json
from collections.abc import Callable

import pytest
from joserfc.jwk import OKPKey

from services.escalation.commands import verify
from services.escalation.ombudsman import chain, feed
from services.escalation.ombudsman.signing import Signer
from tests.service.escalation.tower import NUMBER, Tower

ENTRIES = 10
Tampering = str | Callable[[Tower], None]
APART = "UPDATE feed_entry SET position = position + 1000"
BACK = "UPDATE feed_entry SET position = position - 1000 + {} WHERE position > 1000"
SWAP = "UPDATE feed_entry SET position = 1009 - position WHERE position IN (4, 5); " + BACK.format(
    0
)


@pytest.fixture
def filled(bare_tower: Tower) -> Tower:
    """Ten entries, which hold."""
    write(bare_tower, ENTRIES)
    assert verify(bare_tower.db) == 0
    return bare_tower


def write(tower: Tower, count: int) -> None:
    with tower.db.begin() as tx:
        for n in range(count):
            feed.write(
                tx, "monitoring", "feed.breach.opened.v1", NUMBER, {"n": n}, tower.clock.now()
            )
    tower.append()


def set_entry(position: int, what: str) -> str:
    return f"UPDATE feed_entry SET entry = {what} WHERE position = {position}"


def hash_anew(tower: Tower, sign: Callable[[bytes], bytes | None] = lambda _: None) -> None:
    """Says something else in entry 4, and makes every hash from there on as it must be then."""
    tower.database.psql(set_entry(4, "jsonb_set(entry, '{data,n}', '99')"))
    rows = tower.database.psql("SELECT position, entry FROM feed_entry ORDER BY position")
    [(before,)] = tower.database.psql("SELECT hash FROM feed_entry WHERE position = 3")
    prev = bytes(before)
    for position, entry in rows[3:]:
        hash = chain.digest(prev, entry)
        tower.database.psql(
            "UPDATE feed_entry SET prev_hash = %s, hash = %s, signature = coalesce(%s, signature)"
            " WHERE position = %s", [prev, hash, sign(hash), position],
        )  # fmt: skip
        prev = hash
    tower.database.psql("UPDATE feed_stream SET hash = %s WHERE stream = 'monitoring'", [prev])


STRANGER = OKPKey.generate_key("Ed25519")


def sign_anew(tower: Tower) -> None:
    """As above, signed with a key of the forger's own under the name of the real one."""
    hash_anew(tower, Signer("", STRANGER).sign)


TAMPERINGS: dict[str, tuple[Tampering, int, str]] = {
    "edited": (set_entry(4, "jsonb_set(entry, '{data,n}', '99')"), 4, "hash"),
    "dated back": (set_entry(4, "jsonb_set(entry, '{time}', '\"2020-01-01\"')"), 4, "hash"),
    "made of what cannot be hashed": (set_entry(4, "jsonb_set(entry, '{data,n}', '1e300')"), 4,
                                      "hash"),
    "made no entry at all": (set_entry(4, "'[]'"), 4, "position"),
    "the first removed": ("DELETE FROM feed_entry WHERE position = 1", 1, "position"),
    "removed": ("DELETE FROM feed_entry WHERE position = 4", 4, "position"),
    "removed, and the rest moved up": (
        f"DELETE FROM feed_entry WHERE position = 4; {APART} WHERE position > 4; "
        + BACK.format(-1), 4, "position"),
    "cut off": ("DELETE FROM feed_entry WHERE position > 7", 8, "end"),
    "emptied": ("TRUNCATE feed_entry", 1, "end"),
    "inserted in the middle": (
        f"{APART} WHERE position > 3; {BACK.format(1)};"
        " UPDATE feed_entry SET entry = jsonb_set(entry, '{position}', to_jsonb(position));"
        " INSERT INTO feed_entry SELECT stream, epoch, 4, hash, hash, signature, kid,"
        " jsonb_set(entry, '{position}', '4'), appended_at FROM feed_entry WHERE position = 3;"
        " UPDATE feed_stream SET position = position + 1", 4, "hash"),
    "appended": (
        "INSERT INTO feed_entry SELECT stream, epoch, 11, hash, hash, signature, kid,"
        " jsonb_set(entry, '{position}', '11'), appended_at FROM feed_entry WHERE position = 10",
        11, "hash"),
    "put in another order": (SWAP, 4, "position"),
    "put in another order, and renumbered": (
        f"{SWAP}; UPDATE feed_entry SET entry = jsonb_set(entry, '{{position}}',"
        " to_jsonb(position))", 4, "chain"),
    "renumbered": (f"{APART} WHERE position > 3", 4, "position"),
    "moved to another epoch": ("UPDATE feed_entry SET epoch = 2 WHERE position > 7", 8, "position"),
    "signed by another": (
        "UPDATE feed_entry SET signature = (SELECT signature FROM feed_entry WHERE position = 5)"
        " WHERE position = 4", 4, "signature"),
    "not signed": ("UPDATE feed_entry SET signature = '' WHERE position = 4", 4, "signature"),
    "its key changed": (
        "UPDATE feed_key SET jwk = jsonb_set(jwk, '{x}',"
        " '\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"')", 1, "signature"),
    "its key spoiled": ("UPDATE feed_key SET jwk = '{}'", 1, "key"),
    "hashed anew": (hash_anew, 4, "signature"),
    "signed anew": (sign_anew, 4, "signature"),
    "its pulse put later": ("UPDATE feed_pulse SET at = at + interval '1 day'", 10, "pulse"),
    "its pulse moved back": (
        "UPDATE feed_pulse p SET position = 7, hash = e.hash FROM feed_entry e"
        " WHERE e.stream = p.stream AND e.position = 7", 10, "pulse"),
    "its pulse not signed": ("UPDATE feed_pulse SET signature = ''", 10, "pulse"),
    "its pulse of a lost entry": (
        "UPDATE feed_pulse SET position = 11 WHERE stream = 'monitoring'", 10, "pulse"),
    "its remembered end moved": ("UPDATE feed_stream SET position = 7", 11, "end"),
}  # fmt: skip


def tamper(tower: Tower, how: Tampering) -> None:
    for table in ("feed_entry", "feed_key"):
        tower.database.psql(f"ALTER TABLE {table} DISABLE TRIGGER append_only")
    if callable(how):
        how(tower)
    else:
        tower.database.psql(how)


@pytest.mark.parametrize("name", TAMPERINGS)
def test_tampering_by_a_database_administrator_is_found(
    filled: Tower, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    how, position, check = TAMPERINGS[name]

    tamper(filled, how)

    assert verify(filled.db) == 1
    assert f"monitoring: broken at {position} ({check})" in capsys.readouterr().out


def test_a_clock_that_goes_back_breaks_nothing(filled: Tower) -> None:
    """Entries are in the order of their appending, whatever time they tell."""
    filled.at("2020-01-01 08:00")
    write(filled, 2)

    assert verify(filled.db) == 0
    assert [entry["position"] for entry in filled.entries("monitoring")] == list(range(1, 13))


def kept(tower: Tower) -> tuple[int, bytes]:
    """What somebody else wrote down of the end: its position and its hash."""
    asked = "SELECT position, hash FROM feed_stream WHERE stream = 'monitoring'"
    [(position, hash)] = tower.database.psql(asked)
    return position, bytes(hash)


def is_there(tower: Tower, place: tuple[int, bytes]) -> bool:
    asked = "SELECT 1 FROM feed_entry WHERE stream = 'monitoring' AND (position, hash) = (%s, %s)"
    return tower.database.psql(asked, list(place)) == [(1,)]


def cut_off_whole(tower: Tower) -> None:
    tower.database.psql(
        "DELETE FROM feed_entry WHERE position > 7; UPDATE feed_stream SET position = 7,"
        " hash = (SELECT hash FROM feed_entry WHERE position = 7) WHERE stream = 'monitoring';"
        " DELETE FROM feed_pulse"
    )


def forge_all(tower: Tower) -> None:
    """The forger's key stands among the others, under a name of its own."""
    public = json.dumps(STRANGER.as_dict(private=False))
    tower.database.psql("INSERT INTO feed_key VALUES ('forged', %s, now())", [public])
    sign_anew(tower)
    tower.database.psql(
        "UPDATE feed_entry SET kid = 'forged' WHERE position > 3; DELETE FROM feed_pulse"
    )


@pytest.mark.parametrize("how", [cut_off_whole, forge_all])
def test_what_the_database_alone_cannot_show_is_seen_by_who_kept_the_end(
    filled: Tower, how: Callable[[Tower], None]
) -> None:
    """As long as nobody outside of the database holds the end, this is not found."""
    end = kept(filled)
    assert is_there(filled, end)

    tamper(filled, how)

    assert verify(filled.db) == 0
    assert not is_there(filled, end)

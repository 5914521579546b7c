"""What is decreed is told to the Ombudsman, and cannot be rewritten unseen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.escalation.commands import bring_in, verify
from services.escalation.ombudsman import decrees
from services.escalation.rules import national
from tests.service.escalation.desk import HOSPITAL, LIMIT, POST, WHO, Desk
from tests.service.escalation.tower import Tower

TABLES = ("amendment", "post_standing")


def told(tower: Tower) -> list[tuple[str, str, str]]:
    tower.append()
    return [(e["type"], e["subject"], e["data"]["decree"]) for e in tower.entries("monitoring")]


def broken(tower: Tower) -> str | None:
    with tower.db.begin() as tx:
        return decrees.first_broken(tx)


@pytest.fixture
def owner(tower: Tower) -> Iterator[Tower]:
    """Whoever owns the tables: nothing is refused to them."""
    for table in TABLES:
        tower.database.psql(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield tower
    for table in TABLES:
        tower.database.psql(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_what_is_decreed_stands_on_the_monitoring_stream(tower: Tower, desk: Desk) -> None:
    desk.decree("limits", LIMIT)
    desk.decree("calendars", HOSPITAL)
    desk.decree("posts", POST)

    assert told(tower) == [
        ("feed.rule.amended.v1", "rules", LIMIT["decree"]),
        ("feed.rule.amended.v1", "rules", HOSPITAL["decree"]),
        ("feed.post.decreed.v1", "rules", POST["decree"]),
    ]
    first, _, post = (entry["data"] for entry in tower.entries("monitoring"))
    assert (first["what"], first["detail"]["days"]) == ("limit", LIMIT["days"])
    assert (post["post"], post["standing"]) == ("sekda", "absent")
    assert str(WHO) not in str([first, post])
    assert broken(tower) is None


def test_a_preview_and_a_decree_that_is_sent_again_tell_nothing_more(
    tower: Tower, desk: Desk
) -> None:
    desk.preview("limits", LIMIT)
    for _ in range(2):
        assert desk.ask("POST", "limits", LIMIT, key="f" * 16).status_code == 201

    assert len(told(tower)) == 1


def test_an_import_is_told_without_the_name_of_who_decided_it(tower: Tower) -> None:
    tower.database.psql("DELETE FROM calendar_day WHERE day = '2026-12-25'")
    with tower.db.begin() as tx:
        bring_in(tx, tower.settings.zone, national.years([2026]), "siti.aminah")

    assert [type for type, _, _ in told(tower)] == ["feed.rule.amended.v1"]
    assert "siti.aminah" not in str(tower.entries("monitoring"))
    assert broken(tower) is None


@pytest.mark.parametrize("appended", [True, False])
@pytest.mark.parametrize(
    ("forgery", "found"),
    [
        ("UPDATE amendment SET decree = 'Perbup' WHERE id = {0}", "amendment {0} was changed"),
        ("UPDATE amendment SET decided_by = gen_random_uuid() WHERE id = {1}",
         "amendment {1} was changed"),
        ("DELETE FROM amendment WHERE id = {0}", "amendment {0} is gone"),
        ("TRUNCATE amendment", "amendment {0} is gone"),
        ("UPDATE post_standing SET standing = 'held'", "post_standing {2} was changed"),
        ("DELETE FROM post_standing", "post_standing {2} is gone"),
        ("INSERT INTO amendment OVERRIDING SYSTEM VALUE SELECT {1} + 1, what, row_id, decree,"
         " retroactive, detail, decided_by, decided_as, decided_at FROM amendment WHERE id = {0}",
         "amendment {3} was never told"),
    ],
)  # fmt: skip
def test_what_is_rewritten_is_found_and_named(
    owner: Tower, desk: Desk, forgery: str, found: str, appended: bool
) -> None:
    desk.decree("limits", LIMIT)
    desk.decree("limits", LIMIT, days=6)
    desk.decree("posts", POST)
    if appended:
        owner.append()
    asked = "SELECT id FROM amendment UNION ALL SELECT id FROM post_standing"
    first, second, post = (id for (id,) in owner.database.psql(asked))
    names = (first, second, post, second + 1)
    assert broken(owner) is None

    owner.database.psql(forgery.format(*names))

    assert broken(owner) == found.format(*names)


def test_the_command_that_checks_the_feed_says_so(
    owner: Tower, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.decree("limits", LIMIT)
    owner.append()
    assert verify(owner.db) == 0
    owner.database.psql("UPDATE amendment SET retroactive = NOT retroactive")

    assert verify(owner.db) == 1
    assert "decrees: amendment" in capsys.readouterr().out


def test_what_was_decreed_before_it_was_told_is_no_trouble(owner: Tower, desk: Desk) -> None:
    desk.decree("limits", LIMIT)
    owner.database.psql("DELETE FROM feed_pending")  # as if this version had not been there yet
    desk.decree("limits", LIMIT, days=6)

    assert broken(owner) is None

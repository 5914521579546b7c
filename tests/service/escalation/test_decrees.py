"""What is decreed is told to the Ombudsman, and cannot be rewritten unseen."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.escalation.commands import bring_in, verify
from services.escalation.ombudsman import records
from services.escalation.rules import national
from tests.service.escalation.desk import DAY, HOSPITAL, LIMIT, POST, RUNG, WEEK, WHO, Desk
from tests.service.escalation.tower import Tower

TABLES = ("amendment", "post_standing")


def told(tower: Tower) -> list[tuple[str, str, str]]:
    tower.append()
    return [(e["type"], e["subject"], e["data"]["decree"]) for e in tower.entries("monitoring")]


def broken(tower: Tower) -> str | None:
    with tower.db.begin() as tx:
        return records.first_broken(tx)


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


@pytest.mark.parametrize(
    ("forgery", "found"),
    [
        ("UPDATE limit_rule SET days = 90 WHERE effective_from > '2020-01-01'",
         "limit_rule {limit} is not as it was decreed"),
        ("UPDATE limit_rule SET decree = 'Perbup' WHERE effective_from > '2020-01-01'",
         "limit_rule {limit} is not as it was decreed"),
        ("UPDATE limit_rule SET days = 90 WHERE id = {first}",
         "limit_rule {first} was never decreed"),
        ("INSERT INTO limit_rule (clock, kind, class, days, unit, effective_from, decree) SELECT"
         " clock, kind, class, 90, unit, effective_from, decree FROM limit_rule WHERE id = {limit}",
         "limit_rule {next} was never decreed"),
        ("DELETE FROM limit_rule WHERE id = {limit}", "limit_rule {limit} is gone"),
        ("UPDATE ladder_rule SET brought_to = 'bupati' WHERE effective_from > '2020-01-01'",
         "ladder_rule {rung} is not as it was decreed"),
        ("UPDATE ladder_rule SET after_days = 30 WHERE level = 3 AND clock = 'V'",
         "ladder_rule {third} was never decreed"),
        ("UPDATE local_day SET day = day + 1", "local_day {day} is not as it was decreed"),
        ("DELETE FROM local_day", "local_day {day} is gone"),
        ("UPDATE calendar_week SET weekdays = '{{0}}' WHERE decree = 'Perbup 71/2026'",
         "calendar_week {week} is not as it was decreed"),
    ],
)  # fmt: skip
def test_a_rule_that_is_not_as_it_was_decreed_is_found(
    owner: Tower, desk: Desk, forgery: str, found: str
) -> None:
    """Clocks are measured by rules: the record of a decree alone would prove nothing of them."""
    made = {
        "limit": desk.decree("limits", LIMIT)["id"],
        "rung": desk.decree("ladder", RUNG)["id"],
        "day": desk.decree("calendars/regency/days", DAY)["id"],
        "week": desk.decree("calendars/regency/weeks", WEEK)["id"],
    }
    [(made["first"],)] = owner.database.psql("SELECT min(id) FROM limit_rule")
    [(made["third"],)] = owner.database.psql(
        "SELECT id FROM ladder_rule WHERE level = 3 AND clock = 'V'"
    )
    made["next"] = made["limit"] + 1
    assert broken(owner) is None
    for table in ("limit_rule", "ladder_rule", "local_day", "calendar_week"):
        owner.database.psql(f"ALTER TABLE {table} DISABLE TRIGGER USER")

    owner.database.psql(forgery.format(**made))

    assert broken(owner) == found.format(**made)


def test_the_command_that_checks_the_feed_says_so(
    owner: Tower, desk: Desk, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.decree("limits", LIMIT)
    owner.append()
    assert verify(owner.db) == 0
    owner.database.psql("UPDATE amendment SET retroactive = NOT retroactive")

    assert verify(owner.db) == 1
    assert "records: amendment" in capsys.readouterr().out


def test_what_was_decreed_before_it_was_told_is_no_trouble(owner: Tower, desk: Desk) -> None:
    desk.decree("limits", LIMIT)
    owner.database.psql("DELETE FROM feed_pending")  # as if this version had not been there yet
    desk.decree("limits", LIMIT, days=6)

    assert broken(owner) is None

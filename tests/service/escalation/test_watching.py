"""What is measured all the time costs what is open or late, and no question silences another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from sqlalchemy.exc import OperationalError

from services.escalation.models import CaseState
from services.escalation.ombudsman import pokes
from services.escalation.watch import watching
from services.escalation.watch.clockwork import OVER
from tests.service.escalation.tower import Tower

STORED = 20_000
# Nearly all are over, as it is after some years.
FILL = f"""
SET session_replication_role = replica;
INSERT INTO case_state (number, status, kind, received_at)
SELECT 'KTB-' || n, CASE WHEN n % 2000 = 0 THEN 'answered' WHEN n % 1000 = 0 THEN 'unverified'
    ELSE 'closed' END, 'complaint', now()
FROM generate_series(1, {STORED}) n;
INSERT INTO clock (number, clock, cycle, started_at, stopped_at, due_at, regime)
SELECT 'KTB-' || n, clock, 1, now(), CASE WHEN n % 1000 > 0 THEN now() END, now(), 1
FROM generate_series(1, {STORED}) n, unnest(ARRAY['V', 'H']) clock;
INSERT INTO due (clock_id, number, what, due_at, fired_at)
SELECT id, number, 'passed', due_at, CASE WHEN stopped_at IS NOT NULL THEN now() END FROM clock;
INSERT INTO breach (clock_id, opened_at, closed_at, how)
SELECT id, now(), now(), 'stopped' FROM clock WHERE stopped_at IS NOT NULL;
INSERT INTO case_event (number, at, what, detail)
SELECT 'KTB-' || n, now(), 'case.answered', '{{}}' FROM generate_series(1, {STORED}) n;
INSERT INTO feed_poke (id, stream, epoch, position, made_at, attempts, settled_at, outcome)
SELECT gen_random_uuid(), 'monitoring', 1, n, now(), 1, now(), 'delivered'
FROM generate_series(1, {STORED}) n;
ANALYZE
"""
LARGE = ("case_state", "clock", "due", "breach", "feed_poke", "case_event")


@pytest.fixture
def stored(tower: Tower) -> Tower:
    tower.database.psql(FILL)
    tower.database.psql("VACUUM")
    return tower


@contextmanager
def explained(tower: Tower) -> Iterator[list[str]]:
    """The plan of each statement of the block."""
    plans: list[str] = []

    def note(connection: sa.Connection, cursor: object, statement: str, values: object, *_: object):
        if statement.lstrip().startswith("SELECT"):
            plans.append("\n".join(explain(connection, statement, values)))

    sa.event.listen(tower.engine, "before_cursor_execute", note)
    yield plans
    sa.event.remove(tower.engine, "before_cursor_execute", note)


def explain(connection: sa.Connection, statement: str, values: object) -> list[str]:
    with connection.connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {statement}", values)
        return [line for (line,) in cursor.fetchall()]


def scanned(plans: list[str]) -> set[str]:
    """The large tables that the plans read from end to end."""
    return {table for table in LARGE for plan in plans if f"Seq Scan on {table}" in plan}


def ask_everything(tower: Tower) -> None:
    tower.service.watch()
    tower.service.count_clocks()
    tower.service.count_unwatched()
    tower.service.count_handovers()
    tower.service.count()
    tower.service.measure()


def test_no_measure_reads_all_that_is_stored(stored: Tower) -> None:
    with explained(stored) as plans:
        ask_everything(stored)

    assert len(plans) >= 15
    assert scanned(plans) == set()
    assert any("Index Only Scan using case_state_open" in plan for plan in plans)

    careless = "SELECT count(*) FROM case_state WHERE status <> 'closed'"  # the negative control
    with explained(stored) as plans, stored.db.begin() as tx:
        tx.execute(sa.text(careless))
    assert scanned(plans) == {"case_state"}


def shown(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"lapor_escalation_{name}", labels)


@contextmanager
def taken(tower: Tower, table: str) -> Iterator[None]:
    """Nobody can read a table: whoever asks waits until it is too long."""
    owner = sa.create_engine(tower.database.owner_url)
    with owner.begin() as other:
        other.execute(sa.text(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"))
        yield
    owner.dispose()


def test_what_is_late_is_shown_though_the_questions_after_it_fail(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-05 00:01")
    seconds = 60 + 1  # the reminder was due with the last second of the day before

    with taken(tower, "breach"), pytest.raises(OperationalError):
        tower.service.watch()

    assert shown("overdue_seconds") == seconds
    assert shown("feed_lag_seconds") == 0


def test_a_question_about_all_that_is_open_fails_alone(tower: Tower) -> None:
    tower.open()
    tower.at("2026-11-05 00:02")

    with taken(tower, "handover_answer"):
        with pytest.raises(OperationalError):
            tower.service.count_handovers()
        tower.service.watch()
        tower.service.count_clocks()
        tower.service.count_unwatched()

    assert (shown("overdue_seconds"), shown("open_clocks", clock="V")) == (121, 1)


UNWATCHED = {
    "open": ("status = 'unverified'", 1),
    "over": ("status = 'closed'", 0),
    "followed": ("follows = true", 1),
}


@pytest.mark.parametrize(("change", "count"), UNWATCHED.values(), ids=UNWATCHED)
def test_a_case_that_no_clock_watches_is_seen(tower: Tower, change: str, count: int) -> None:
    tower.open()
    tower.service.count_unwatched()
    assert shown("unwatched_cases") == 0

    tower.database.psql("UPDATE clock SET stopped_at = now() WHERE clock = 'H'")
    tower.database.psql(f"UPDATE case_state SET {change}")
    tower.service.count_unwatched()

    assert shown("unwatched_cases") == count


def unwatched(tower: Tower, at: str) -> float | None:
    tower.at(at).service.count_unwatched()
    return shown("unwatched_cases")


def test_an_answer_after_which_no_silence_begins_is_seen_in_six_hours(tower: Tower) -> None:
    tower.begin_work()
    tower.answer()
    assert unwatched(tower, "2026-11-02 15:59") == 0
    assert unwatched(tower, "2026-11-02 16:00") == 1

    tower.deliver()
    assert unwatched(tower, "2026-11-02 16:01") == 0

    tower.hear("case.objected.v1", status="in_progress", cycle=2)
    tower.at("2026-11-03 10:00").answer(cycle=2)
    assert unwatched(tower, "2026-11-03 15:59") == 0  # the last answer counts,
    assert unwatched(tower, "2026-11-03 16:00") == 1  # and its own round's clock


def test_an_answer_that_is_known_to_be_unheard_is_another_alarm(tower: Tower) -> None:
    tower.begin_work()
    tower.answer()
    tower.hear("message.failed.v1", about="answered", cycle=1, reason="rejected")

    assert unwatched(tower, "2026-11-03 10:00") == 0


def test_a_question_without_its_clock_is_seen(tower: Tower) -> None:
    tower.open()
    tower.hear("case.data_requested.v1", status="awaiting_reporter", awaited_from="unverified")
    assert unwatched(tower, "2026-11-02 10:01") == 0
    tower.hear("message.failed.v1", about="data_requested", cycle=1, reason="rejected")
    assert unwatched(tower, "2026-11-02 10:02") == 0  # it stands, which is heard of elsewhere

    tower.database.psql("UPDATE clock SET stopped_at = now() WHERE clock = 'D'")
    assert unwatched(tower, "2026-11-02 10:03") == 1
    tower.database.psql("UPDATE case_state SET follows = true")
    assert unwatched(tower, "2026-11-02 10:04") == 0


def test_the_question_leaves_out_what_the_clockwork_calls_over() -> None:
    listed = ", ".join(f"'{status}'" for status in sorted(OVER))
    [index] = [i for i in CaseState.__table__.indexes if i.name == "case_state_open"]  # type: ignore[attr-defined]

    assert f"status NOT IN ({listed})" in watching.UNWATCHED.text
    assert f"status NOT IN ({listed})" in str(index.dialect_options["postgresql"]["where"])


def test_the_oldest_poke_is_the_oldest_that_is_still_tried(tower: Tower) -> None:
    tower.database.psql(
        "INSERT INTO feed_poke (id, stream, epoch, position, made_at, attempts, next_try_at)"
        " VALUES (gen_random_uuid(), 'monitoring', 1, 1, %s, 1, now())",
        [tower.clock.at],
    )
    with tower.db.begin() as tx:
        assert pokes.oldest(tx, tower.clock.at) == 0.0
    tower.at("2026-11-02 10:01")
    with tower.db.begin() as tx:
        assert pokes.oldest(tx, tower.clock.at) == 60.0

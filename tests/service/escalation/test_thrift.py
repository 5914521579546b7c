"""What a sweep asks costs what is due, not what is stored: a million cases wait for their days. And
whatever wakes for nothing writes nothing: each lock would be a commit on the disk.
"""

from contextlib import contextmanager
from datetime import timedelta

import pytest
import sqlalchemy as sa

from services.escalation.ombudsman.broadcasting import Broadcaster
from services.escalation.service import Escalation
from services.escalation.watch import breaker, firing
from tests.service.chassis.test_together import counted

STORED = 200_000
FIRED = STORED // 2
IDLE, REMINDER, PASSED = 5, 11, 22  # statements of a sweep, and what each case adds
NO_BITMAP = "SET LOCAL enable_bitmapscan = off"
ASKED = {
    "the breaker": breaker._BACKLOG,
    "the sweep": firing.OLDEST.text,
}
# Half of it waits for later; what was due has been fired.
FILL = f"""
SET session_replication_role = replica;
INSERT INTO due (clock_id, number, what, due_at, fired_at)
SELECT n, 'KTB-' || n, 'passed', %(now)s + (place - {FIRED}) * interval '1 minute',
    CASE WHEN place <= {FIRED} THEN %(now)s END
FROM (SELECT n, n::bigint * 7919 %% {STORED} AS place FROM generate_series(1, {STORED}) n) stored;
ANALYZE due
"""


@pytest.fixture
def stored(tower):
    tower.database.psql(FILL, {"now": tower.clock.now()})
    return tower


@pytest.mark.parametrize("usual", [100, STORED])
@pytest.mark.parametrize("question", ASKED.values(), ids=ASKED)
def test_a_question_of_each_second_reads_no_whole_table(stored, question, usual):
    told = f"{breaker._BY_INDEX}; {NO_BITMAP}"
    assert "Seq Scan on due" not in plan(stored, question, usual, told)


def test_where_much_is_usual_the_planner_would_read_it_all(stored):
    """The negative control. (Of millions, not of so few, a bitmap looks dearer to it as well.)"""
    assert "Seq Scan on due" in plan(stored, breaker._BACKLOG, STORED, NO_BITMAP)
    assert "Seq Scan on due" not in plan(stored, breaker._BACKLOG, 100, NO_BITMAP)


def test_the_breaker_asks_as_it_says(stored):
    with counted(stored.engine) as seen, stored.db.begin() as tx:
        breaker.may_fire(
            tx, stored.clock, stored.service.pace, stored.settings.breaker_floor, stored.clock.now()
        )
    assert any(said.startswith(f"{breaker._BY_INDEX}; SELECT count(*)") for said in seen)


def plan(tower, question, usual, first):
    now = tower.clock.now()
    told = {"now": now, "through": now, "released": "-infinity", "enough": usual, "work": "fire"}
    told |= {"passed_over": ["KTB-1"], "rest": timedelta(minutes=1), "since": now - breaker.LATELY}
    told |= firing.asked(now)
    asked = sa.text(f"EXPLAIN {question}")
    with tower.db.begin() as tx:
        tx.execute(sa.text(first))
        wanted = {name: told[name] for name in asked._bindparams}
        return "\n".join(tx.scalars(asked, wanted))


@pytest.mark.parametrize("cases", [1, 12])
def test_a_firing_costs_the_same_statements_each_and_nothing_due_costs_hardly_any(tower, cases):
    for n in range(cases):
        tower.begin_work(f"KTB-23456-{n:05}")
    tower.sweep()  # knows the rules from here on

    assert statements(tower, "2026-11-02 10:01") == IDLE
    assert statements(tower, "2026-11-20 08:00") == IDLE + REMINDER * cases
    # and each is raised, and offered
    assert statements(tower, "2026-11-21 08:00") == IDLE + PASSED * cases


def statements(tower, at):
    """How many a sweep takes."""
    with tower.at(at).db.begin() as tx:  # what is usual is looked up once in ten minutes
        breaker.may_fire(
            tx, tower.clock, tower.service.pace, tower.settings.breaker_floor, tower.clock.now()
        )
    with counted(tower.engine) as seen:
        tower.service.sweep()
    return len(seen)


WRITERS = {  # these are no question of each second, or write what they were given
    "receive", "publish", "count",
}  # fmt: skip
TIMERS = sorted(
    name
    for name in dir(Escalation)
    if hasattr(getattr(Escalation, name), "nameko_entrypoints") and name not in WRITERS
)
SENT = """
UPDATE feed_broadcast b SET epoch = e.epoch, position = e.position
FROM (SELECT DISTINCT ON (stream) stream, epoch, position FROM feed_entry
      ORDER BY stream, epoch DESC, position DESC) e
WHERE e.stream = b.stream
"""


@pytest.mark.parametrize("name", TIMERS)
def test_a_timer_that_finds_nothing_writes_nothing(tower, name):
    tower.service.broadcaster = Broadcaster("amqp://nobody:@127.0.0.1:1")  # it has nothing to say
    tower.begin_work("KTB-23456-00001")
    tower.at("2026-11-03 10:00").sweep()
    tower.append()
    tower.database.psql(SENT)
    turn = getattr(tower.service, name)
    while turn():
        pass
    with writing(tower.engine) as written:
        turn()
    assert written == []


def test_a_lock_counts_as_writing(tower):
    """The negative control."""
    with writing(tower.engine) as written, tower.db.begin() as tx:
        tx.execute(sa.text("SELECT FROM breaker FOR UPDATE"))
    assert len(written) == 1


@contextmanager
def writing(bind):
    """The transactions of the block that the disk has to keep."""
    numbers = []

    def note(connection):
        number = connection.exec_driver_sql("SELECT pg_current_xact_id_if_assigned()").scalar()
        numbers.extend([number] if number else [])

    sa.event.listen(bind, "commit", note)
    yield numbers
    sa.event.remove(bind, "commit", note)

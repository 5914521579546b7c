"""What a batch reads and writes costs statements for the batch, not for each of its events."""

import json
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa

import contracts
from chassis.clock import Clock
from chassis.database import Transactions, engine
from chassis.inbox import ANYBODY
from chassis.together import held, hold, in_hand, keep, later, remembered
from services.intake.models import Report, TimelineEntry
from services.intake.service import Intake
from tests.harness.postbox import Postbox
from tests.harness.publishing import event
from tests.service.chassis.stories import report
from tests.service.escalation.tower import Tower
from tests.service.notify.desk import Desk
from tests.service.routing.office import Office, furnish

FIRST, SECOND = "KTB-00000-00000", "KTB-12345-67894"


@pytest.fixture
def transactions(db):
    bind = engine(db.url, 3)
    yield Transactions(bind)
    bind.dispose()


@contextmanager
def counted(bind):
    """The statements that are executed in the block."""
    seen = []

    def note(_, __, statement, *___):
        seen.append(" ".join(statement.split())[:60])

    sa.event.listen(bind, "before_cursor_execute", note)
    yield seen
    sa.event.remove(bind, "before_cursor_execute", note)


def test_what_is_held_is_asked_for_once_and_locked_until_the_end(db, transactions):
    report(db, FIRST)
    with transactions.begin() as tx, counted(transactions.engine) as seen:
        hold(tx, Report, [SECOND, FIRST, FIRST])
        assert held(tx, Report, FIRST) is in_hand(tx, Report, FIRST) is not None
        assert held(tx, Report, SECOND) is None
        assert len(seen) == 1
        with transactions.begin() as other, pytest.raises(sa.exc.OperationalError):
            held(other, Report, FIRST)
    with transactions.begin() as tx:
        assert in_hand(tx, Report, FIRST) is None


def test_what_a_condition_leaves_out_is_not_taken_for_missing(db, transactions):
    report(db, FIRST)
    with transactions.begin() as tx:
        hold(tx, Report, [FIRST], Report.kind == "aspiration")
        assert in_hand(tx, Report, FIRST) is None
        assert held(tx, Report, FIRST) is not None


def test_a_row_that_is_kept_is_held_like_the_others(db, transactions):
    report(db, FIRST)
    with transactions.begin() as tx:
        assert held(tx, Report, SECOND) is None
        columns = {c.key: getattr(held(tx, Report, FIRST), c.key) for c in Report.__table__.c}
        made = Report(**columns | {"number": SECOND})
        keep(tx, SECOND, made)
        assert held(tx, Report, SECOND) is made
    assert db.psql("SELECT count(*) FROM report") == [(2,)]


def test_what_is_left_for_later_is_written_at_the_end_and_only_then(db, transactions):
    written = []

    def write(tx, rows):
        assert tx.scalar(sa.select(sa.func.count()).select_from(TimelineEntry)) == 1
        written.append(rows)

    report(db, FIRST)
    with transactions.begin() as tx:
        later(tx, write, "one")
        later(tx, write, "two")
        at = held(tx, Report, FIRST).received_at
        tx.add(TimelineEntry(number=FIRST, at=at, what="case.opened", detail={}))
        assert written == []
    assert written == [["one", "two"]]
    with transactions.begin() as tx:
        later(tx, write, "three")
        tx.rollback()
    assert written == [["one", "two"]]


def test_what_is_remembered_is_asked_once_in_a_transaction_and_anew_in_the_next(transactions):
    asked = []

    def ask(tx):
        asked.append(tx)
        return len(asked)

    with transactions.begin() as tx:
        assert remembered(tx, ask) == remembered(tx, ask) == 1
    with transactions.begin() as tx:
        assert remembered(tx, ask) == 2


SIZES = (2, 12)


@pytest.mark.parametrize("heard", ["case.opened.v1", "deadline.started.v1"])
def test_intake_hears_twelve_with_as_few_statements_as_two(db, transactions, heard):
    service = Intake()
    service.db, service.clock = transactions, Clock()
    told = next(iter(contracts.examples(heard).values()))["data"]
    batches = [[event(heard, report(db, n), 1, told) for n in some] for some in in_sizes()]

    assert_thrifty(service.inbox, transactions.engine, [list(map(spelt, b)) for b in batches])
    assert db.psql("SELECT count(*) FROM inbox WHERE state = 'done'") == [(sum(SIZES),)]


def test_routing_opens_twelve_cases_with_as_few_statements_as_two(database):
    furnish(empty := database("routing"))
    with closing(Office(empty)) as office:
        batches = [[office.body("report.submitted.v1", n) for n in some] for some in in_sizes()]
        assert_thrifty(office.service.inbox, office.db.engine, batches)
    assert empty.psql("SELECT count(*) FROM cases") == [(sum(SIZES),)]


def test_escalation_starts_the_clocks_of_twelve_cases_with_as_few_statements_as_two(
    database, secrets_folder
):
    with closing(Tower(database("escalation"), secrets_folder)) as tower:
        at, body = tower.clock.at, tower.stream.body
        warm = [body("case.opened.v1", "KTB-99999-00000", at)] * 2
        tower.service.inbox.receive_all([(one, ANYBODY) for one in warm])  # reads the calendar
        batches = [[body("case.opened.v1", n, at) for n in some] for some in in_sizes()]
        assert_thrifty(tower.service.inbox, tower.engine, batches)
        assert tower.database.psql("SELECT count(*) FROM case_state") == [(sum(SIZES) + 1,)]


def test_notify_keeps_twelve_contacts_with_as_few_statements_as_two(database, secrets_folder):
    with closing(Desk(database("notify"), secrets_folder, Postbox())) as desk:
        batches = [[desk.stream.contact(n) for n in some] for some in in_sizes()]
        assert_thrifty(desk.notify.inbox, desk.engine, batches)
        assert desk.database.psql("SELECT count(*) FROM message") == [(sum(SIZES),)]


def test_without_foresight_each_event_costs_its_own_statements(db, transactions, monkeypatch):
    """The negative control."""
    monkeypatch.delattr(Intake, "foresee")
    with pytest.raises(AssertionError, match="more statements"):
        test_intake_hears_twelve_with_as_few_statements_as_two(db, transactions, "case.opened.v1")


def in_sizes():
    """Numbers of reports, as many as each batch is to have."""
    fresh = (f"KTB-{n:05}-00000" for n in range(20000, 30000))
    return [[next(fresh) for _ in range(size)] for size in SIZES]


def assert_thrifty(inbox, bind, batches):
    """Has the inbox take the batches, the larger with no more statements than the smaller."""
    cost = []
    for batch in batches:
        with counted(bind) as seen:
            inbox.receive_all([(body, ANYBODY) for body in batch])
        cost.append(len([statement for statement in seen if not statement.startswith("PREPARE")]))
    assert cost[1] <= cost[0], f"more statements: {cost}, of the larger {seen}"


def spelt(envelope):
    return json.dumps(envelope).encode()

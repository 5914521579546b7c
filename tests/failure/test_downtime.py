"""Days without escalation's worker: everything that fell due fires once, in the order of its due
times and with them; more than is usual waits for a person. And while it runs, nothing is late.

With one worker that order is strict. With more it is strict for each case; over all cases a wake-up
is overtaken only while another worker has it in hand."""

from collections import Counter, defaultdict
from datetime import UTC, timedelta

import pytest

from chassis.clock import Clock
from deploy.local.environment import ROOT
from services.escalation.watch import breaker
from tests.failure.multiplying import multiply
from tests.harness.copies import copied
from tests.harness.proxy import Proxy
from tests.harness.waiting import eventually
from tests.service.escalation.office import NUMBERS, furnished, look_again
from tests.service.escalation.tower import end_of, local

pytestmark = pytest.mark.fault

DOWN, UP = "2026-12-23 20:00", "2026-12-28 08:00"  # joint leave, Christmas, a weekend
WEEKS_LATER = "2027-01-20 08:00"  # by now each case's ladder was due too, to its end
AFTER_A_DOWNTIME, IN_TIME = 120, 60  # seconds
COPIES, CROWD, OTHERS = 50, 300, 300
# When a case was opened, and the end of the one limit of it that passes meanwhile: V's three
# working days, or H's sixty days.
MODELS = {
    "KTB-10001-00000": ("2026-12-18 10:00", "2026-12-23"),
    "KTB-10002-00000": ("2026-10-25 10:00", "2026-12-24"),
    "KTB-10003-00000": ("2026-10-26 10:00", "2026-12-25"),
    "KTB-10004-00000": ("2026-10-27 10:00", "2026-12-26"),
    "KTB-10005-00000": ("2026-10-28 10:00", "2026-12-27"),
}
PASSED = """
SELECT left(subject, 9), data->>'due_at', count(*) FROM outbox
WHERE type = 'deadline.passed.v1' AND id > %s GROUP BY 1, 2 ORDER BY 2
"""
LATE = "SELECT max(fired_at - due_at) FROM due WHERE due_at > %s AND fired_at IS NOT NULL"


@pytest.fixture
def office(database, secrets_folder, broker, state):
    with furnished(database("escalation"), secrets_folder, broker, state) as made:
        yield made


@pytest.fixture
def asleep(office):
    """What had fallen due before the downtime has been fired; `said` is the last word of it."""
    tower = office.tower
    for model, (opened, _) in MODELS.items():
        tower.at(opened).open(model)
    tower.at(DOWN).sweep()
    for model in MODELS:
        multiply(tower, model, COPIES)
    tower.database.psql(
        "UPDATE due SET fired_at = due_at + interval '1 second' WHERE fired_at IS NOT NULL"
    )  # each in its time, as it is usual
    office.said = tower.count("SELECT max(id) FROM outbox")
    return office


def in_downtime(office):
    """How much fell due of it, fired or not."""
    span = local(DOWN), local(UP)
    found = "SELECT count(*), count(fired_at) FROM due WHERE due_at BETWEEN %s AND %s"
    return office.tower.database.psql(found, span)[0]


def all_fired(office):
    due, fired = in_downtime(office)
    return due == fired


def twice(office):
    told = "SELECT subject, type, data->>'clock', data->>'cycle', data->>'level' FROM outbox"
    found = office.tower.database.psql(f"{told} WHERE type ~ '^(deadline|escalation)'")
    return [fact for fact, times in Counter(found).items() if times > 1]


def lateness(office, since):
    return office.tower.database.psql(LATE, [local(since)])[0][0]


def fires_once_in_order(office):
    tower = office.tower
    assert tower.database.psql(PASSED, [office.said]) == [
        (model[:9], end_of(last), COPIES) for model, (_, last) in MODELS.items()
    ]
    assert twice(office) == []
    told = tower.order()
    assert len(told) > (len(MODELS) + 1) * COPIES  # V is also raised
    since = told[-(len(MODELS) + 1) * COPIES :]
    assert since == sorted(since)


def test_after_days_of_downtime_everything_fires_once_in_order_with_its_own_time(asleep):
    assert in_downtime(asleep) == ((len(MODELS) + 1) * COPIES, 0)
    asleep.at(UP)

    asleep.launch(BREAKER_FLOOR="1000").process.start()
    eventually(lambda: all_fired(asleep), seconds=AFTER_A_DOWNTIME)

    fires_once_in_order(asleep)
    assert lateness(asleep, DOWN) > timedelta(days=4)  # the control of what is measured below


def test_more_than_is_usual_waits_for_a_person_and_then_fires_once_in_order(asleep):
    asleep.at(UP)
    worker = asleep.start(BREAKER_FLOOR="50")
    alarm = 'lapor_escalation_breaker{reason="mass_firing"} 1.0'
    eventually(lambda: alarm in worker.metrics())
    look_again(worker)
    assert in_downtime(asleep)[1] == 0

    with asleep.tower.db.begin() as tx:
        breaker.release(tx, "kepala.diskominfo", Clock(asleep.clock._file))
    eventually(lambda: all_fired(asleep), seconds=AFTER_A_DOWNTIME)

    fires_once_in_order(asleep)


@pytest.fixture
def way(broker):
    """Between escalation's worker and the broker."""
    with Proxy(lambda: broker.port) as way:
        yield way


def deaf(office, broker, way, slept, source=ROOT):
    """A worker to whom it is not told that V was kept, whose end has passed by now: it was not
    there, or the broker was away. It runs, and hears nothing."""
    uri = broker.uri("escalation").replace(f":{broker.port}/", f":{way.port}/")
    office.at("2026-11-02 10:00")
    worker = office.launch(AMQP_URI=uri)
    worker.process.cwd = source
    worker.start()
    for number in NUMBERS:
        office.tower.open(number)
    if slept == "worker":
        worker.stop()
    way.refuse()
    others = [f"KTB-6{n:04}-00000" for n in range(OTHERS)]  # before them in the queue
    office.publish("case.opened.v1", others, local("2026-11-05 15:00").astimezone(UTC))
    office.publish("case.disposed.v1", NUMBERS, local("2026-11-05 16:00").astimezone(UTC))
    office.at("2026-11-06 08:00")
    if slept == "worker":
        worker.process.start()
    return worker


def fired_of_v(office):
    return [line for number in NUMBERS for line in office.tower.fired(number) if " V" in line]


@pytest.mark.parametrize("slept", ["worker", "broker"])
def test_news_that_waited_is_heard_before_anything_fires(office, broker, way, slept):
    """V ended while nobody listened, and it had been kept."""
    worker = deaf(office, broker, way, slept)
    look_again(worker)
    assert fired_of_v(office) == []

    way.listen()
    reminded = (
        "SELECT count(*) FROM due d JOIN clock c ON c.id = d.clock_id"
        " WHERE clock = 'F' AND what = 'reminder' AND fired_at IS NOT NULL"
    )
    office.at("2026-11-12 08:00")  # F's last day
    eventually(lambda: office.count(reminded) == len(NUMBERS), seconds=AFTER_A_DOWNTIME)

    for number in NUMBERS:
        assert "approaching F" in office.tower.fired(number)
    assert fired_of_v(office) == []


@pytest.mark.parametrize("slept", ["worker", "broker"])
def test_who_does_not_wait_for_news_fires_what_was_kept(office, broker, way, tmp_path, slept):
    """The negative control: in as many looks."""
    hasty = ("services/escalation/service.py", "if not self.caught_up.is_set():", "if False:")
    worker = deaf(office, broker, way, slept, copied(tmp_path, [hasty]))
    look_again(worker)

    assert {line for line in fired_of_v(office) if "passed" in line} == {"passed V"}


WORKERS = 3


@pytest.mark.parametrize("until", [UP, WEEKS_LATER], ids=["days", "weeks"])
def test_three_workers_keep_each_cases_order_and_overtake_only_what_one_of_them_has_in_hand(
    asleep, until
):
    left = "SELECT count(*) FROM due WHERE fired_at IS NULL AND due_at < %s"
    asleep.at(until)
    waiting = asleep.tower.database.psql(left, [local(until)])[0][0]
    for _ in range(WORKERS):
        asleep.launch(BREAKER_FLOOR="5000").process.start()
    eventually(
        lambda: asleep.tower.database.psql(left, [local(until)]) == [(0,)],
        seconds=AFTER_A_DOWNTIME,
    )

    told = asleep.tower.told_since(asleep.said)
    assert len(told) >= waiting > 0
    assert twice(asleep) == []
    assert asleep.tower.database.psql(PASSED, [asleep.said])[: len(MODELS)] == [
        (model[:9], end_of(last), COPIES) for model, (_, last) in MODELS.items()
    ]
    of_case = defaultdict(list)
    for number, due_at in told:
        of_case[number].append(due_at)
    assert all(times == sorted(times) for times in of_case.values())
    assert max(overtaken(told)) < WORKERS
    assert lateness(asleep, DOWN) > timedelta(days=4)


def overtaken(told):
    """For each that was told: how many cases were told of an earlier due time after it."""
    for place, (_, due_at) in enumerate(told):
        yield len({number for number, earlier in told[place + 1 :] if earlier < due_at})


def test_what_overtakes_is_seen():
    """The negative control."""
    assert list(overtaken([("a", 1), ("b", 3), ("c", 2), ("d", 2), ("c", 1), ("b", 3)])) == [
        0, 2, 1, 1, 0, 0,
    ]  # fmt: skip


def test_while_it_runs_nothing_fires_later_than_promised(office):
    model = "KTB-10000-00000"
    office.tower.open(model)
    multiply(office.tower, model, CROWD)
    office.at("2026-11-05 12:00")
    for _ in range(2):
        office.start(BREAKER_FLOOR="10000")
    reminded = "SELECT count(*) FROM due WHERE what = 'reminder' AND fired_at IS NOT NULL"
    eventually(lambda: office.count(reminded) == CROWD, seconds=120)

    office.at("2026-11-05 23:59:50")
    passed = "SELECT count(*) FROM due WHERE what = 'passed' AND fired_at IS NOT NULL"
    eventually(lambda: office.count(passed) == CROWD, seconds=10 + 2 * IN_TIME)

    assert lateness(office, "2026-11-05 23:00") <= timedelta(seconds=IN_TIME)
    assert twice(office) == []

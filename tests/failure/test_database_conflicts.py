"""What the database refuses because of others is tried again, a few times, whole or not at all."""

import threading
from contextlib import contextmanager
from datetime import timedelta

import pytest

from tests.failure.accounting import Accepted, settle
from tests.harness.copies import mistaken
from tests.harness.faults import ask, client_of, problem, timed, waiting_for_locks
from tests.harness.publishing import event, publish
from tests.harness.waiting import eventually
from tests.service.chassis.stories import AT, DESKS

pytestmark = pytest.mark.fault

TRIES = 3
FOR_EVER = 1_000_000
CONFLICTS = 60
PASSING = ("40001", "40P01")  # serialization failure, deadlock: undone, and worth another try
LOCKED = "55P03"  # a lock that does not come: waited for long enough already


@pytest.fixture
def receipt(system):
    """A report that has its case."""
    answer = ask(system)
    assert answer.status_code == 201
    settle(system, Accepted({answer.json()["number"]}))
    return answer.json()


def supplement(system, receipt):
    """What the reporter adds: a row of the timeline, an event, and an answer that is kept."""
    path = f"/reports/{receipt['number']}/supplements"
    return ask(system, path, {"text": "Masih padam."}, **{"Tracking-Code": receipt["code"]})


def written(system, number):
    """What of a supplement stands in the database."""
    asked = (
        "SELECT"
        " (SELECT count(*) FROM timeline_entry WHERE number = %s AND what LIKE 'reporter.%%'),"
        " (SELECT count(*) FROM outbox WHERE subject = %s AND type = 'report.supplemented.v1')"
    )
    return system.psql("intake", asked, [number, number])[0]


@contextmanager
def refusing(system, code, times, table="timeline_entry"):
    """The database undoes, with this code, the first so many transactions that write there. Yields
    how many have tried."""
    make = (
        "CREATE SEQUENCE tried;"
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN"
        f" IF nextval('tried') <= {times} THEN RAISE EXCEPTION 'no' USING ERRCODE = '{code}';"
        " END IF; RETURN NEW; END $$;"
        f"CREATE TRIGGER refuse AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    system.psql("intake", make)
    try:
        yield lambda: system.psql("intake", "SELECT last_value FROM tried WHERE is_called")[0][0]
    finally:
        drop = f"DROP TRIGGER refuse ON {table}; DROP FUNCTION refuse(); DROP SEQUENCE tried"
        system.psql("intake", drop)


@pytest.mark.parametrize("code", PASSING)
def test_a_request_that_was_undone_is_done_at_the_third_try(system, receipt, code):
    with refusing(system, code, TRIES - 1) as tried:
        assert supplement(system, receipt).status_code == 202
        assert tried() == TRIES

    assert written(system, receipt["number"]) == (1, 1)


@pytest.mark.parametrize(("code", "most"), [*((code, TRIES) for code in PASSING), (LOCKED, 1)])
def test_a_request_that_stays_undone_is_refused_and_leaves_nothing(system, receipt, code, most):
    with refusing(system, code, FOR_EVER) as tried:
        assert problem(supplement(system, receipt)) == 503
        assert tried() == most

    assert written(system, receipt["number"]) == (0, 0)


@pytest.mark.parametrize("code", [*PASSING, LOCKED])
def test_a_submission_that_stays_undone_leaves_no_report(system, code):
    before = system.psql("intake", "SELECT count(*) FROM report")
    with refusing(system, code, FOR_EVER, "report"):
        assert problem(ask(system)) == 503

    assert system.psql("intake", "SELECT count(*) FROM report") == before


@pytest.mark.parametrize("code", [*PASSING, LOCKED])
def test_an_event_that_is_undone_is_tried_again_and_has_one_effect(system, receipt, code):
    number = receipt["number"]
    told = "SELECT count(*) FROM timeline_entry WHERE number = subject AND what = 'case.verified'"
    asked = f"SELECT state, attempts, ({told}) FROM inbox WHERE type = %s AND subject = %s"

    def filed():
        found = system.psql("intake", asked, ["case.verified.v1", number]) or [("", 0, 0)]
        [(state, attempts, effects)] = found
        assert effects == (state == "done")
        return state, attempts

    with refusing(system, code, 2) as tried:
        publish(system.broker, "routing", [verified(number)])
        eventually(lambda: filed()[1] >= 1, "the first try failed")
        system.clock.move(timedelta(seconds=5))
        eventually(lambda: filed()[0] == "done", seconds=30)
        assert tried() == TRIES


def test_a_request_that_meets_another_in_a_deadlock_is_done_once(system, receipt):
    number = receipt["number"]
    before = deadlocks(system)
    statuses = [meet(system, receipt, number) for _ in range(3) if not written(system, number)[0]]

    assert statuses[-1] == 202
    assert set(statuses[:-1]) <= {503}  # they met after the server had looked for a deadlock
    assert written(system, number) == (1, 1)
    eventually(lambda: deadlocks(system) > before, "the deadlock counted")


def meet(system, receipt, number):
    """Two lock two rows, each the other's first; the answer's status."""
    answers = []
    with client_of(system, "intake") as other:
        other.execute("UPDATE stream SET sequence = sequence WHERE subject = %s", [number])
        asking = threading.Thread(target=lambda: answers.append(supplement(system, receipt)))
        asking.start()
        eventually(lambda: waiting_for_locks(system, "intake"))
        other.execute("SELECT FROM report WHERE number = %s FOR UPDATE", [number])
        other.connection.commit()
        asking.join(30)
    [answer] = answers
    return answer.status_code


def deadlocks(system):
    """How many the server has counted so far, a little late."""
    counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = 'intake'"
    return system.psql("intake", counted)[0][0]


@pytest.mark.alone
def test_a_lock_that_does_not_come_is_waited_for_and_then_refused(system, receipt):
    assert refused_after(system, receipt) < 2
    assert written(system, receipt["number"]) == (0, 0)
    assert supplement(system, receipt).status_code == 202


def refused_after(system, receipt):
    """How many seconds a request waits for a lock that somebody keeps."""
    with client_of(system, "intake") as other:
        other.execute("SELECT FROM report WHERE number = %s FOR UPDATE", [receipt["number"]])
        seconds, answer = timed(lambda: supplement(system, receipt))
    assert problem(answer) == 503
    return seconds


def test_one_try_too_many_is_noticed(system, receipt, tmp_path):
    """The negative control of the number of tries."""
    stubborn = ("chassis/database.py", f"tries: int = {TRIES}", f"tries: int = {TRIES + 1}")
    mistake = mistaken(system, "intake-api", tmp_path, [stubborn])
    with mistake, refusing(system, PASSING[0], FOR_EVER) as tried:
        assert problem(supplement(system, receipt)) == 503
        assert tried() == TRIES + 1


NOTE_PAUSES = """
    CREATE SEQUENCE noted; CREATE SEQUENCE undone;
    CREATE SEQUENCE paused_2; CREATE SEQUENCE paused_0;
    CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
    DECLARE began bigint := extract(epoch FROM now()) * 1e6; turn bigint := nextval('noted') % 3;
    BEGIN
        IF turn <> 1 THEN
            PERFORM setval('paused_' || turn, began - (SELECT last_value FROM undone));
        END IF;
        PERFORM setval('undone', (extract(epoch FROM clock_timestamp()) * 1e6)::bigint);
        RETURN NEW;
    END $$;
    CREATE TRIGGER note AFTER INSERT ON timeline_entry FOR EACH ROW EXECUTE FUNCTION note()
"""
FORGET_PAUSES = (
    "DROP TRIGGER note ON timeline_entry; DROP FUNCTION note();"
    " DROP SEQUENCE noted, undone, paused_2, paused_0"
)


def pauses(system, receipt, how_many):
    """For how many seconds so many requests, all undone at each try, paused before their second
    and their third: from the write that was undone to the beginning of the next transaction."""
    system.psql("intake", NOTE_PAUSES)
    found = []
    try:
        with refusing(system, PASSING[0], FOR_EVER):
            for _ in range(how_many):
                assert problem(supplement(system, receipt)) == 503
                asked = "SELECT p.last_value, q.last_value FROM paused_2 p, paused_0 q"
                found += system.psql("intake", asked)
    finally:
        system.psql("intake", FORGET_PAUSES)
    return [tuple(microseconds / 1e6 for microseconds in pair) for pair in found]


def is_jittered(found, shortest, longest):
    """Whether a tenth of them, where a third is due, lies in the lowest third of this span and a
    tenth in the highest."""
    third = (longest - shortest) / 3
    low = sum(shortest <= one < shortest + third for one in found)
    high = sum(one > longest - third for one in found)
    return min(found) >= shortest and min(low, high) >= len(found) / 10


@pytest.mark.alone
def test_two_that_were_undone_do_not_come_again_together(system, receipt):
    second, third = zip(*pauses(system, receipt, CONFLICTS), strict=True)

    assert is_jittered(second, 0.01, 0.05), sorted(second)
    assert is_jittered(third, 0.02, 0.10), sorted(third)


@pytest.mark.alone
@pytest.mark.parametrize("fixed", [0.01, 0.03])
def test_who_always_pauses_equally_long_is_noticed(system, receipt, tmp_path, fixed):
    """The negative control of the pauses."""
    regular = ("chassis/database.py", "random.uniform(0.01, 0.05) * attempt", f"{fixed} * attempt")
    with mistaken(system, "intake-api", tmp_path, [regular]):
        second, third = zip(*pauses(system, receipt, CONFLICTS), strict=True)

    assert not is_jittered(second, 0.01, 0.05), sorted(second)
    assert not is_jittered(third, 0.02, 0.10), sorted(third)


def test_half_an_effect_is_noticed(system, receipt):
    """The negative control: an operation whose parts are not one transaction."""
    number = receipt["number"]
    system.psql(
        "intake",
        "INSERT INTO timeline_entry (number, at, what, detail)"
        " VALUES (%s, now(), 'reporter.supplement', '{}')",
        [number],
    )
    with refusing(system, LOCKED, FOR_EVER):
        assert problem(supplement(system, receipt)) == 503

    assert written(system, number) == (1, 0)


def verified(number):
    data = {"at": AT, "status": "unverified", "kind": "complaint", "class": "ordinary"}
    return event("case.verified.v1", number, 2, data | {"category": "jalan-jembatan"} | DESKS)

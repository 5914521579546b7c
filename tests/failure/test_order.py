"""In whatever order a life's events reach a service, it ends as if they had come in theirs; what is
missing is waited for, then asked for, and nothing ever goes back.

Every service's own handlers hear what it heard when whole lives were lived; no officer acts and no
time passes meanwhile, so that the end depends on the events alone. Between two streams no order is
promised. All that a service has must be equal all the same, but for one thing: the reporter's time
to object starts with a notice about the answer, unless the case has moved on before escalation
hears of the notice. Those clocks are left out.
"""

import json
import random
from datetime import timedelta
from functools import cache

import pytest
from prometheus_client import REGISTRY

from chassis.inbox import _LOCK_POSITION, Inbox
from deploy.rabbitmq.definitions import HEARS, SERVICES
from tests.failure.hearers import hearing
from tests.failure.recording import recorded

pytestmark = pytest.mark.fault

EACH = pytest.mark.parametrize("service", SERVICES)
SEEDS = 4
MOST = 8  # deliveries in a batch
HELD = 60  # seconds that a gap may stay open before somebody is asked


@pytest.fixture(scope="module")
def lives(system):
    """What each service heard in the lives, in the order in which it came; and the keys. What
    began before anybody listened is left out."""
    with recorded(system) as recording:
        begun = {place(body)[:2] for body in recording.bodies if place(body)[2] == 1}
    whole = [body for body in recording.bodies if place(body)[:2] in begun]
    heard = {s: [body for body in whole if place(body)[0] in HEARS[s]] for s in SERVICES}
    return heard, system.secrets_folder


@pytest.fixture(scope="module")
def opening(lives, databases):
    """`opening(service)` is a fresh hearer of that service."""
    heard, secrets = lives
    made = []

    def make(service):
        made.append(databases.fresh(service))
        return made[-1]

    yield lambda service: hearing(lambda: make(service), heard[service], secrets)
    for database in made:
        databases.drop(database)


@pytest.fixture(scope="module")
def in_order(lives, opening):
    """What a service has when all came in its order."""

    @cache
    def lived(service):
        with opening(service) as hearer:
            for body in lives[0][service]:
                hearer.hear(body)
            hearer.settle()
            assert hearer.filed() == []
            return hearer.state()

    return lived


def differences(state, other):
    """The tables that are not the same, and how."""
    return {
        table: (dict(rows - other[table]), dict(other[table] - rows))
        for table, rows in state.items()
        if rows != other[table]
    }


def shuffled(bodies, dice):
    """Batches of any size in any order, within each stream and across them."""
    mixed = dice.sample(bodies, len(bodies))
    while mixed:
        size = dice.randint(1, MOST)
        yield mixed[:size]
        mixed = mixed[size:]


def gone_back(before, now):
    """The streams that were followed further before."""
    return [stream for stream, place in before.items() if now.get(stream, 0) < place]


@EACH
@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_order_ends_as_the_right_one_and_nothing_goes_back(
    lives, opening, in_order, service, seed
):
    with opening(service) as hearer:
        before = {}
        for batch in shuffled(lives[0][service], random.Random(seed)):
            hearer.hear(*batch)
            now = hearer.positions()
            assert gone_back(before, now) == []
            before = now
        hearer.settle()

        assert hearer.filed() == []
        assert gone_back(before, hearer.positions()) == []
        assert differences(in_order(service), hearer.state()) == {}


@EACH
@pytest.mark.parametrize("seed", range(SEEDS // 2))
def test_a_missing_event_is_waited_for_a_minute_then_asked_for_and_heals(
    lives, opening, in_order, service, seed
):
    dice = random.Random(seed)
    missing = dice.choice([body for body in lives[0][service] if later(lives[0][service], body)])
    others = [body for body in lives[0][service] if body != missing]
    source, subject, number = place(missing)
    behind = later(others, missing)

    with opening(service) as hearer:
        for batch in shuffled(others, dice):
            hearer.hear(*batch)
        hearer.settle()
        assert held(hearer, source, subject) == dict.fromkeys(behind, ("waiting", "gap"))
        assert hearer.positions()[source, subject] == number - 1

        gaps = measured(service)
        hearer.clock.at += timedelta(seconds=HELD + 1)
        hearer.settle()
        assert held(hearer, source, subject) == dict.fromkeys(behind, ("parked", "gap"))
        assert measured(service) == gaps + len(behind)
        hearer.clock.at -= timedelta(seconds=HELD + 1)

        hearer.hear(missing)
        hearer.settle()
        assert hearer.filed() == []
        assert differences(in_order(service), hearer.state()) == {}


def measured(service):
    """How many events were left behind a gap for its whole time."""
    return REGISTRY.get_sample_value("lapor_inbox_gaps_total", {"service": service}) or 0


def place(body):
    event = json.loads(body)
    return event["source"], event["subject"], event["sequence"]


def later(bodies, body):
    """The numbers of the later events of the same stream and subject."""
    stream, number = place(body)[:2], place(body)[2]
    return sorted(n for *found, n in map(place, bodies) if tuple(found) == stream and n > number)


def held(hearer, source, subject):
    """What is not done of a stream, by number."""
    filed = hearer.filed()
    return {n: (state, why) for s, about, n, state, why in filed if (s, about) == (source, subject)}


def take_as_next(self, event, row, tx):
    """What an inbox does that takes every event for the next one of its stream."""
    tx.execute(_LOCK_POSITION, {"source": event.source, "subject": event.subject})
    return self._apply(event, event.sequence - 1, tx)


@EACH
def test_without_its_place_a_life_goes_back_and_ends_otherwise(
    lives, opening, in_order, service, monkeypatch
):
    """The negative control of each check above: nothing is held, and positions go back."""
    wanted = in_order(service)
    monkeypatch.setattr(Inbox, "_first", take_as_next)
    bodies, before, back = lives[0][service], {}, []
    firsts = [body for body in bodies if place(body)[2] == 1]
    others = [body for body in reversed(bodies) if body not in firsts]
    missing = next(body for body in others if place(body)[2] == 2 and later(bodies, body))

    with opening(service) as hearer:
        for body in (*firsts, *others):
            if body == missing:
                assert ("waiting", "gap") not in held(hearer, *place(body)[:2]).values()
            hearer.hear(body)
            now = hearer.positions()
            back += gone_back(before, now)
            before = now
        hearer.settle()

        assert back
        # notify's letters are each about one step: in another order they are the same letters
        assert differences(wanted, hearer.state()) or service == "notify"

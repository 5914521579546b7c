"""A hearer that has stopped, or is slow: its queue grows, who speaks to it becomes no slower, no
worker grows, the lag can be seen, and all of it is taken in later, once.
"""

import re
import time
from collections import Counter
from contextlib import closing, contextmanager
from pathlib import Path
from signal import SIGCONT, SIGSTOP
from statistics import median
from uuid import uuid4

import httpx
import psutil
import pytest

from chassis.service import BATCH
from deploy.local.broker import connect
from deploy.local.plain import PLAIN
from deploy.local.scenario import sign_in
from deploy.local.texts import FOLLOW_UP
from deploy.rabbitmq.definitions import VHOST
from tests.harness.faults import ask, timed
from tests.harness.publishing import event, publish
from tests.harness.system import running, stage
from tests.harness.waiting import eventually
from tests.harness.workload import AGENCY, COORDINATOR, STEPS
from tests.service.chassis.stories import AT

pytestmark = [pytest.mark.fault, pytest.mark.alone]

LARGEST = 300  # MB that a worker may ever hold
LIMIT = 1.2  # times as long as without a backlog
NEAR = 1.35  # times: what must be noticed
SLOWLY = 10  # words a second
QUEUE = "intake.replies"
ASKED, MOST_ROUNDS = 50, 30
LEAD = 5  # rounds; what is just at the limit passes every second time, what is near it hardly
SLOWER, AS_FAST, UNTOLD = "it is slower", "it is as fast", "this machine is too busy to tell"
UNSAID = "SELECT count(*) FROM outbox WHERE published_at IS NULL"
LAST = "SELECT coalesce(max(id), 0) FROM outbox"
ON_THE_WAY = "SELECT extract(epoch FROM published_at - emitted_at) FROM outbox WHERE id > %s"
STUCK = "SELECT count(*) FROM inbox WHERE state <> 'done'"
SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep({}); RETURN NEW; END $$;
CREATE TRIGGER slow BEFORE INSERT ON {} FOR EACH ROW EXECUTE FUNCTION slow()
"""


@pytest.fixture(scope="module")
def system(state, cache):
    """A system whose broker is measured, as in an installation."""
    with running(state / "backlog", cache, broker_metrics=True) as one:
        yield one


@pytest.fixture(scope="module")
def speaker(system):
    """The speaker: routing, whose officer follows one case up, again and again."""
    with closing(stage(system)) as people:
        number = ask(system).json()["number"]
        officers = {who: sign_in(people, who) for who in (COORDINATOR, AGENCY)}
        officers[COORDINATOR].await_case(number)
        for who, step, body in STEPS[:2]:
            officers[who].act(number, step, body)
        yield Speaker(system, officers[AGENCY], number)


class Speaker:
    """Measures how long its words take."""

    def __init__(self, system, officer, number):
        self.system, self.officer, self.number = system, officer, number
        self.idle = min(psutil.cpu_percent(1.0) for _ in range(3)) + 10

    def seconds(self):
        """What an officer waits for each answer, and each fact for the broker, when what came
        before no longer works on: a filled queue is written down, a drained table is cleaned."""
        rested(self.idle)
        [(last,)] = self.system.psql("routing", LAST)
        answers = [timed(self.follow_up)[0] for _ in range(ASKED)]
        eventually(lambda: self.system.psql("routing", UNSAID) == [(0,)], "all is said", 30)
        said = self.system.psql("routing", ON_THE_WAY, [last])
        assert len(said) >= ASKED
        return {"answer": answers, "fact": [float(lag) for (lag,) in said]}

    def follow_up(self):
        self.officer.act(self.number, "follow-ups", {"text": f"{FOLLOW_UP} {uuid4()}"})


def judged(calm, disturbed):
    """Whether a backlog makes the speaker slower, and how many times as long all took in each
    round. A round says yes or no by its medians, and a lead of some rounds decides: others that
    work on this machine make a round say anything, and the same for neither answer. The halves
    change places, so that what comes first is not always the calm one."""
    ratios = {}
    for turn in range(MOST_ROUNDS):
        halves = (calm, disturbed) if turn % 2 else (disturbed, calm)
        taken = {half: half() for half in halves}
        for what, seconds in taken[disturbed].items():
            ratios.setdefault(what, []).append(median(seconds) / median(taken[calm][what]))
        if verdict := decided(ratios):
            return verdict, ratios
    return UNTOLD, ratios


def decided(ratios):
    """What the rounds say, if one answer leads by enough; all that was measured must be as fast."""
    leads = [sum(1 if r <= LIMIT else -1 for r in found) for found in ratios.values()]
    if min(leads) <= -LEAD:
        return SLOWER
    return AS_FAST if min(leads) >= LEAD else None


def rested(idle, seconds=5):
    """Returns when this machine does little more than nothing; not for ever, since others may work
    on it: they meet both halves alike."""
    until = time.monotonic() + seconds
    while psutil.cpu_percent(0.5) > idle and time.monotonic() < until:
        pass


@contextmanager
def stopped(system, name):
    """A worker that does nothing, and then goes on."""
    system.process(name).signal(SIGSTOP)
    try:
        yield
    finally:
        system.process(name).signal(SIGCONT)


@contextmanager
def slowed(system, service, table, seconds):
    """A service that takes its time for each row of a table."""
    system.psql(service, SLOW.format(seconds, table))
    try:
        yield
    finally:
        system.psql(service, f"DROP TRIGGER slow ON {table}; DROP FUNCTION slow()")


def large(system, most=LARGEST):
    """The workers that have ever held more than they may, in MB."""
    workers = [p for p in system.processes() if p.name.endswith("-worker")]
    held = {p.name: max(map(peak, family(p.pid))) for p in workers}
    return {name: size for name, size in held.items() if size > most}


def family(pid):
    leader = psutil.Process(pid)
    return [pid, *(child.pid for child in leader.children(recursive=True))]


def peak(pid):
    told = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", told)[1]) / 1024


def lag(system, what="queue_messages"):
    """Messages in the queue, as the broker tells Prometheus; -1 while it tells nothing of it."""
    url = f"http://127.0.0.1:{system.broker.metrics_port}/metrics/detailed"
    asked = {"family": "queue_coarse_metrics", "vhost": VHOST}
    told = httpx.get(url, params=asked, timeout=10, trust_env=False, verify=PLAIN).text
    depth = rf'rabbitmq_detailed_{what}{{vhost="{VHOST}",queue="{QUEUE}"}} (\S+)'
    found = re.search(depth, told)
    return int(float(found[1])) if found else -1


def waiting(system):
    """Messages in the queue that the hearer has not been handed, without the delay of measures."""
    with connect(system.broker.uri()) as connection:
        return connection.channel().queue_declare(QUEUE, passive=True).message_count


def fill(system, numbers):
    """An officer's word about each of these reports, which intake alone hears."""
    system.psql(
        "intake",
        "INSERT INTO report (number, code_hash, kind, title, text, event_date, district,"
        " confidentiality, hidden_from_public, channel, received_at, status_since)"
        " SELECT n, '', 'complaint', 't', 't', now(), '63.02.06', 'open', false, 'web', now(),"
        " now() FROM unnest(%s) n",
        [[numbered(n) for n in numbers]],
    )
    for start in range(0, len(numbers), 1_000):
        part = numbers[start : start + 1_000]
        publish(system.broker, "routing", (written(numbered(n)) for n in part))


def numbered(n):
    return f"KTB-{n // 100_000:05}-{n % 100_000:05}"


def written(number):
    words = {"reply_id": str(uuid4()), "about": "follow_up", "text": "Kami periksa."}
    words |= {"evidence": [], "at": AT}
    return event("case.reply_written.v1", number, 1, words)


def replies(system):
    """How often reports have an officer's word: `{1: 2000}` when all of it came once."""
    asked = "SELECT n, count(reply_id) FROM (SELECT number n FROM report WHERE text = 't') r"
    found = system.psql("intake", f"{asked} LEFT JOIN reply ON number = n GROUP BY n")
    return Counter(times for _, times in found)


def drained(system, total, seconds):
    """All was taken in once, and nothing is left."""
    eventually(lambda: replies(system) == {1: total}, "all of it", seconds, every=0.5)
    eventually(lambda: system.psql("intake", STUCK) == [(0,)], "nothing is left over")


def more(system, events):
    """The numbers of as many reports that there are not yet."""
    first = sum(replies(system).values()) + 1
    return range(first, first + events)


def test_a_backlog_can_be_seen_and_its_end_too(system):
    numbers = more(system, 200)
    with stopped(system, "intake-worker"):
        fill(system, numbers)
        eventually(lambda: lag(system) >= len(numbers), "the lag is told", 30, every=0.5)
        assert lag(system, "queue_messages_unacked") <= BATCH

    drained(system, numbers[-1], seconds=10)
    eventually(lambda: lag(system) == 0, "no lag is told", 30, every=0.5)


@pytest.mark.parametrize(
    "events", [2_000, pytest.param(50_000, marks=pytest.mark.slow)], ids="{} events".format
)
def test_a_backlog_slows_nobody_down_and_is_taken_in_once(system, speaker, events):
    """The hearer stands still in both halves of a round: they differ by the backlog alone."""

    def calm():
        with stopped(system, "intake-worker"):
            return speaker.seconds()

    def disturbed():
        numbers = more(system, events)
        with stopped(system, "intake-worker"):
            fill(system, numbers)
            taken = speaker.seconds()
            assert waiting(system) >= events - BATCH
        drained(system, numbers[-1], seconds=10 + events / 100)
        return taken

    verdict, ratios = judged(calm, disturbed)
    assert verdict == AS_FAST, ratios
    assert large(system) == {}


@pytest.mark.parametrize(
    "events", [500, pytest.param(5_000, marks=pytest.mark.slow)], ids="{} events".format
)
def test_a_slow_hearer_slows_nobody_down_and_catches_up_when_it_can(system, speaker, events):
    """It takes ten words a second while more come; in the calm halves of the rounds it stands
    still. How fast it is then is the negative control: nothing else held it up."""

    def calm():
        with stopped(system, "intake-worker"):
            return speaker.seconds()

    def disturbed():
        numbers = more(system, events)
        with slowed(system, "intake", "reply", 1 / SLOWLY):
            fill(system, numbers)
            started, had = time.monotonic(), replies(system)[1]
            taken = speaker.seconds()
            took = time.monotonic() - started
            assert replies(system)[1] - had <= SLOWLY * took + BATCH
            assert waiting(system) >= events / 2
        drained(system, numbers[-1], seconds=10 + events / 100)
        return taken

    verdict, ratios = judged(calm, disturbed)
    assert verdict == AS_FAST, ratios
    assert large(system) == {}


def test_a_slowdown_near_the_limit_is_told(system, speaker):
    """The negative control: each answer takes a third longer than the last ones did."""
    last = [speaker.seconds()]

    def calm():
        last.append(speaker.seconds())
        return last[-1]

    def disturbed():
        longer = (NEAR - 1) * median(last[-1]["answer"])
        with slowed(system, "routing", "case_event", longer):
            return speaker.seconds()

    verdict, ratios = judged(calm, disturbed)
    assert verdict == SLOWER, ratios


def test_size_and_a_lost_effect_are_noticed(system):
    """The negative control of the other checks above."""
    assert "intake-worker" in large(system, most=5)

    total = sum(replies(system).values()) + 1
    fill(system, range(total, total + 1))
    drained(system, total, seconds=10)
    system.psql("intake", "DELETE FROM reply WHERE number = %s", [numbered(total)])
    assert replies(system) == Counter({1: total - 1, 0: 1})

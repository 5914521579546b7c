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
from deploy.local.scenario import sign_in
from deploy.local.texts import FOLLOW_UP
from deploy.rabbitmq.definitions import VHOST
from tests.harness.faults import ask, timed
from tests.harness.publishing import event, publish
from tests.harness.ranks import mann_whitney
from tests.harness.system import running, stage
from tests.harness.waiting import eventually
from tests.harness.workload import AGENCY, COORDINATOR, STEPS
from tests.service.chassis.stories import AT

pytestmark = [pytest.mark.fault, pytest.mark.alone]

LARGEST = 300  # MB that a worker may ever hold
SLOWER = 1.2  # times as long as without a backlog
SLOWLY = 5  # words a second
QUEUE = "intake.replies"
ASKED, MOST_ROUNDS = 25, 16
CHANCE = 0.001  # that equal samples look as different
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


class Compared:
    """How long the speaker took without a backlog and with one, round by round in turn, so that
    whatever else this machine does meets both alike."""

    def __init__(self):
        self.calm, self.disturbed = {}, {}

    def add(self, where, taken):
        for what, seconds in taken.items():
            where.setdefault(what, []).extend(seconds)

    def seem_slower(self):
        """What takes longer with a backlog than may be, and how many times as long."""
        times = {what: median(self.disturbed[what]) / median(self.calm[what]) for what in self.calm}
        return {what: ratio for what, ratio in times.items() if ratio > SLOWER}

    def slowed(self):
        """What of this is no chance."""
        return {what: ratio for what, ratio in self.seem_slower().items() if self.is_sure(what)}

    def is_sure(self, what):
        most = [SLOWER * seconds for seconds in self.calm[what]]
        return mann_whitney(self.disturbed[what], most) < CHANCE


def rested(idle, seconds=15):
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
    told = httpx.get(url, params=asked, timeout=10, trust_env=False).text
    depth = rf'rabbitmq_detailed_{what}{{vhost="{VHOST}",queue="{QUEUE}"}} (\S+)'
    found = re.search(depth, told)
    return int(float(found[1])) if found else -1


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
    """All was taken in once, nothing is left, and that can be seen too."""
    eventually(lambda: replies(system) == {1: total}, "all of it", seconds, every=0.5)
    eventually(lambda: system.psql("intake", STUCK) == [(0,)], "nothing is left over")
    eventually(lambda: lag(system) == 0, "no lag is told", 30, every=0.5)


@pytest.mark.parametrize(
    "events", [2_000, pytest.param(50_000, marks=pytest.mark.slow)], ids="{} events".format
)
def test_a_backlog_slows_nobody_down_and_is_taken_in_once(system, speaker, events):
    """The hearer stands still in both halves of a round: they differ by the backlog alone. Where
    others share the machine it takes more rounds to tell."""
    compared, before, looks = Compared(), sum(replies(system).values()), 0
    for turn in range(MOST_ROUNDS):
        numbers = range(before + turn * events + 1, before + (turn + 1) * events + 1)
        with stopped(system, "intake-worker"):
            compared.add(compared.calm, speaker.seconds())
            fill(system, numbers)
            eventually(lambda: lag(system) >= events, "the lag is told", 30, every=0.5)
            assert lag(system, "queue_messages_unacked") <= BATCH
            compared.add(compared.disturbed, speaker.seconds())
        drained(system, numbers[-1], seconds=10 + events / 100)
        looks = 0 if compared.seem_slower() else looks + 1
        if looks == 2:
            break

    assert compared.slowed() == {}
    assert large(system) == {}


@pytest.mark.parametrize(
    "events", [500, pytest.param(5_000, marks=pytest.mark.slow)], ids="{} events".format
)
def test_a_slow_hearer_slows_nobody_down_and_catches_up_when_it_can(system, speaker, events):
    """It takes five words a second while more come; in the calm halves of the rounds it stands
    still. How fast it is then is the negative control: nothing else held it up."""
    compared, before = Compared(), sum(replies(system).values())
    for turn in range(MOST_ROUNDS):
        numbers = range(before + turn * events + 1, before + (turn + 1) * events + 1)
        with stopped(system, "intake-worker"):
            compared.add(compared.calm, speaker.seconds())
        with slowed(system, "intake", "reply", 1 / SLOWLY):
            fill(system, numbers)
            eventually(lambda: lag(system) >= events / 2, "the lag is told", 30, every=0.5)
            started, taken = time.monotonic(), replies(system)[1]
            compared.add(compared.disturbed, speaker.seconds())
            took = time.monotonic() - started
            assert replies(system)[1] - taken <= SLOWLY * took + BATCH
            assert lag(system) >= events / 2
        drained(system, numbers[-1], seconds=10 + events / 100)
        if not compared.slowed():
            break

    assert compared.slowed() == {}
    assert large(system) == {}


def test_slowness_size_and_a_lost_effect_are_noticed(system, speaker):
    """The negative control of each check above."""
    compared = Compared()
    compared.add(compared.calm, speaker.seconds())
    with slowed(system, "routing", "outbox", 0.05):
        compared.add(compared.disturbed, speaker.seconds())
    assert "answer" in compared.slowed()

    assert "intake-worker" in large(system, most=5)

    total = sum(replies(system).values()) + 1
    fill(system, range(total, total + 1))
    drained(system, total, seconds=10)
    system.psql("intake", "DELETE FROM reply WHERE number = %s", [numbered(total)])
    assert replies(system) == Counter({1: total - 1, 0: 1})

"""The worker as it runs in production: a broker, a mail server, green threads, kill -9."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from chassis import strict_json
from deploy.local.broker import Broker
from deploy.local.environment import Surroundings
from tests.harness.databases import Database
from tests.harness.postbox import Postbox
from tests.harness.processes import ServiceProcess
from tests.harness.publishing import publish_raw
from tests.harness.waiting import eventually
from tests.service.notify.canaries import found_in
from tests.service.notify.desk import CONTACT, Stream

SENDERS, LAST = 8, 12  # as in services.notify.service, which only a worker may import
NUMBERS = [f"KTB-23456-{n:05}" for n in range(12)]


@dataclass
class Office:
    """Notify among the others: what they say reaches it, what it sends reaches the mail server."""

    database: Database
    postbox: Postbox
    stream: Stream
    broker: Broker
    start: Callable[..., ServiceProcess]

    def say(self, *bodies: bytes) -> None:
        """Publishes events as their owners do."""
        batches = defaultdict[str, dict[Any, tuple[str, str, bytes]]](dict)
        for n, body in enumerate(bodies):
            document = strict_json.loads(body)
            owner = document["source"].split("/")[1]
            batches[owner][n] = (document["type"], document["id"], body)
        for owner, batch in batches.items():
            publish_raw(self.broker, owner, batch)

    def messages(self, state: str) -> int:
        """How many messages are in a state."""
        rows = self.database.psql("SELECT count(*) FROM message WHERE state = %s", [state])
        return int(rows[0][0])


@pytest.fixture
def office(
    database: Callable[[str], Database],
    secrets_folder: Path,
    postbox: Postbox,
    broker: Broker,
    state: Path,
) -> Iterator[Office]:
    around = Surroundings(
        secrets=secrets_folder,
        lapor_env="test",
        smtp_port=postbox.port,
        public_url="https://lapor.example",
    )
    made, running = database("notify"), []

    def start(**more: Any) -> ServiceProcess:
        uri = broker.uri("notify")
        running.append(ServiceProcess("worker", made, around, state, AMQP_URI=uri, **more))
        return running[-1].start()

    yield Office(made, postbox, Stream(secrets_folder), broker, start)
    for process in running:
        process.stop()


def test_reporters_are_told_and_it_is_said_to_the_others(office: Office) -> None:
    office.start()

    office.say(office.stream.contact(NUMBERS[0]), office.stream.body("case.opened.v1", NUMBERS[0]))
    office.say(office.stream.body("case.answered.v1", NUMBERS[0], cycle=2))

    eventually(lambda: len(office.postbox.mails) == 2)
    published = "SELECT type, data->>'about' FROM outbox WHERE published_at IS NOT NULL ORDER BY id"
    eventually(lambda: len(office.database.psql(published)) == 2)
    assert office.database.psql(published) == [
        ("message.delivered.v1", "received"), ("message.delivered.v1", "answered"),
    ]  # fmt: skip


@pytest.mark.alone
def test_one_silent_conversation_does_not_hold_up_the_others(office: Office) -> None:
    office.start()
    office.postbox.script.extend(["hang"] * 3)

    office.say(*(office.stream.contact(number) for number in NUMBERS))

    eventually(lambda: len(office.postbox.mails) == len(NUMBERS) - 3, seconds=8)
    eventually(lambda: office.messages("due") == 3, "the silent ones are given up", seconds=20)


def test_a_kill_after_the_server_took_it_costs_one_more_mail_under_the_same_id(
    office: Office,
) -> None:
    dying = office.start(FAILPOINTS="notify.after_send=kill")
    office.say(office.stream.contact(NUMBERS[0]))
    eventually(lambda: not dying.process.running)
    assert len(office.postbox.mails) == 1

    office.database.psql("UPDATE message SET next_at = now()")  # the lease ends
    office.start()

    eventually(lambda: office.messages("delivered") == 1)
    assert len(office.postbox.mails) == 2
    assert len(set(office.postbox.ids)) == 1
    ledger = office.database.psql("SELECT n, outcome FROM attempt ORDER BY n")
    assert ledger == [(1, "unknown"), (2, "delivered")]


def test_a_kill_before_sending_loses_nothing(office: Office) -> None:
    dying = office.start(FAILPOINTS="notify.before_send=kill")
    office.say(office.stream.contact(NUMBERS[0]))
    eventually(lambda: not dying.process.running)

    office.database.psql("UPDATE message SET next_at = now()")
    office.start()

    eventually(lambda: office.messages("delivered") == 1)
    assert len(office.postbox.mails) == 1


def test_a_stop_lets_conversations_end(office: Office) -> None:
    worker = office.start()
    office.say(*(office.stream.contact(number) for number in NUMBERS))
    eventually(lambda: office.postbox.mails)

    worker.stop()

    assert worker.process.exit_code == 0
    assert office.messages("sending") == 0


@pytest.mark.fault
def test_a_stop_waits_for_what_has_begun_and_gives_the_rest_back(office: Office) -> None:
    """A server that says nothing costs a stop one silence, not one for each round of senders."""
    worker = office.start()
    worker.process.patience = 20
    numbers = [f"KTB-34567-{n:05}" for n in range(40)]
    office.postbox.script.extend(["hang"] * len(numbers))
    office.say(*(office.stream.contact(number) for number in numbers))
    heard = "SELECT count(*) FROM message"
    eventually(lambda: office.database.psql(heard) == [(len(numbers),)], "all are heard")
    eventually(lambda: office.messages("sending") > 2 * SENDERS, "more is fetched than begun")
    eventually(lambda: len(office.postbox.script) <= len(numbers) - SENDERS, "all senders wait")

    worker.stop()

    begun = len(numbers) - len(office.postbox.script)
    assert begun < len(numbers)
    assert worker.process.exit_code == 0
    assert office.messages("due") == len(numbers)
    outcomes = office.database.psql("SELECT n, outcome FROM attempt")
    assert outcomes == [(1, "unavailable")] * begun
    tried = office.database.psql("SELECT count(*) FROM message WHERE attempts = 1")
    assert tried == [(begun,)]


@pytest.mark.fault
def test_a_stop_does_not_wait_for_a_server_that_drips(office: Office) -> None:
    """The next process finds the tries in doubt, as after a crash: being killed leaves no less.
    What waits for a sender goes back."""
    worker = office.start()
    worker.process.patience = LAST + 6
    office.postbox.script.extend(["drip"] * SENDERS)
    office.say(*(office.stream.contact(number) for number in NUMBERS[:SENDERS]))
    eventually(lambda: not office.postbox.script, "all senders wait")
    heard = "SELECT count(*) FROM message"
    for n, number in enumerate(NUMBERS[SENDERS:], SENDERS + 1):  # each in a batch of its own
        office.say(office.stream.contact(number))
        eventually(lambda n=n: office.database.psql(heard) == [(n,)], "one more is heard")

    worker.stop()

    assert worker.process.exit_code == 0
    outcomes = office.database.psql("SELECT n, outcome FROM attempt")
    assert outcomes == [(1, None)] * SENDERS
    assert office.messages("due") == len(NUMBERS) - SENDERS


@pytest.mark.fault
def test_leases_are_renewed_while_conversations_end(office: Office) -> None:
    worker = office.start()
    worker.process.patience = LAST + 6
    office.postbox.script.append("drip")
    office.say(office.stream.contact(NUMBERS[0]))
    eventually(lambda: office.messages("sending") == 1)

    stopping = Thread(target=worker.stop)
    stopping.start()
    lease = office.database.psql("SELECT next_at FROM message")[0][0]
    renewed = "SELECT count(*) FROM message WHERE state = 'sending' AND next_at > %s"
    try:
        for _ in range(2):  # the first may have been under way
            eventually(lambda: office.database.psql(renewed, [lease]) == [(1,)])  # noqa: B023
            lease = office.database.psql("SELECT next_at FROM message")[0][0]
    finally:
        stopping.join()
    assert office.messages("sending") == 1  # in doubt


def test_no_identity_is_logged_or_measured(office: Office) -> None:
    email = CONTACT["email"]
    worker = office.start()
    office.postbox.script.extend(
        [f"rcpt 550 5.1.1 <{email}> no", f"rcpt 451 4.3.0 <{email}> later", "drop"]
    )

    office.say(*(office.stream.contact(number) for number in NUMBERS[:4]))
    office.say(office.stream.contact(NUMBERS[4], sealed_for=NUMBERS[5]))
    office.say(office.stream.contact(NUMBERS[6]).replace(b'"sealed": "ey', b'"sealed": "ez'))

    eventually(lambda: office.messages("delivered") + office.messages("failed") == 2)
    eventually(lambda: "event_parked" in worker.process.log.read_text())
    eventually(lambda: 'outcome="rejected",reply="5xx"' in worker.metrics())
    assert "consuming" in worker.process.log.read_text()
    assert found_in(worker.process.log.read_bytes()) == set()
    assert found_in(worker.metrics().encode()) == set()


def test_a_flooded_mailbox_holds_up_no_other(office: Office) -> None:
    flood, limit, other = [f"KTB-45678-{n:05}" for n in range(300)], 20, "budi@surel-uji.example"
    worker = office.start(MAILBOX_LIMIT=str(limit))
    bodies = [office.stream.contact(number) for number in flood]
    put_off = "SELECT id::text, xmin::text FROM message WHERE put_off ORDER BY id"

    office.say(*bodies[:200], office.stream.contact(NUMBERS[0], email=other), *bodies[200:])
    eventually(lambda: len(office.database.psql(put_off)) == len(flood) - limit, seconds=60)
    eventually(lambda: office.messages("delivered") == limit + 1)
    untouched = office.database.psql(put_off)
    office.say(office.stream.contact(NUMBERS[1], email=f"a{other}"))
    eventually(lambda: office.messages("delivered") == limit + 2)

    waited = "SELECT max(settled_at - written_at) < '5 s' FROM message WHERE number = ANY(%s)"
    assert office.database.psql(waited, [NUMBERS[:2]]) == [(True,)]
    assert office.database.psql(put_off) == untouched
    assert office.database.psql("SELECT count(*) FROM attempt") == [(limit + 2,)]
    eventually(lambda: f"lapor_notify_put_off {len(flood) - limit}.0" in worker.metrics())
    assert found_in(worker.metrics().encode() + worker.process.log.read_bytes()) == set()


def test_a_worker_without_its_keys_does_not_start(
    office: Office, state: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").write_bytes(b'{"keys": "none, but long enough for one"}')

    with pytest.raises(Exception, match="NOTIFY_PRIVATE_KEY_FILE holds no private JWK"):
        office.start(NOTIFY_PRIVATE_KEY_FILE=str(tmp_path / "empty"))

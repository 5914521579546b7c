"""The sweep's negative control: puts values into each kind of place as a mistake would."""

import json
import smtplib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from email.message import EmailMessage
from fnmatch import fnmatch

import kombu
import psycopg2

from deploy import secrets
from deploy.local.system import System
from deploy.rabbitmq.definitions import UNROUTED
from tests.failure.canaries import Canary, Hit, Sink
from tests.failure.disguises import encodings

# One value for each encoding, so that one search tells which was missed where.
PEOPLE = {
    name: f"Tiruan{name.title().replace(' ', '').replace('-', '')} Burungplastik {n:016d}"
    for n, name in enumerate(
        ("utf-8", "json in json", "json escapes", "bytes escapes", "html decimal", "html hex",
         "url twice", "url bytes twice", "quoted-printable bytes", "hex", "hex spaced",
         "hex colons", "base64 0", "base64 1", "base64 2", "base64 of utf-16 1"), 6302_0000_1111
    )
}  # fmt: skip
CANARIES = [Canary(name, value) for name, value in PEOPLE.items()]


FORMS = [dict(encodings(value))[name].decode() for name, value in PEOPLE.items()]
PLANTED = " | ".join(FORMS)


def in_databases(system: System, planted: str) -> Iterator[str]:
    """A row, a JSON value, bytes, a comment; returns where each is to be found."""
    system.psql("intake", "UPDATE report SET place = %s", [planted])
    yield from ("database/intake/report", "database/intake/backup")
    facts = "UPDATE message SET facts = facts || jsonb_build_object('x', %s::text)"
    system.psql("notify", facts, [planted])
    yield "database/notify/message"
    kept = "UPDATE reporter SET identity = %s WHERE state = 'held'"
    system.psql("notify", kept, [planted.encode()])
    yield "database/notify/reporter"
    system.psql("escalation", f"COMMENT ON TABLE case_state IS $x${planted}$x$")
    yield "database/escalation/backup"
    parked = (
        "INSERT INTO inbox (event_id, state, reason, attempts, received_at, type)"
        " VALUES (gen_random_uuid(), 'parked', %s, 1, now(), 'case.closed.v1')"
    )
    # Each is short enough to lie in its page as it is, and there more often than a page is written
    # anew while somebody reads it.
    for form in FORMS * 3:
        system.psql("routing", parked, [form])
    yield from ("commands/routing parked list", "files/postgres/pg_wal/*")
    yield "database/routing/pg_stats"
    system.psql("routing", "CHECKPOINT")
    yield "files/postgres/base/routing/*"


def in_files(system: System, planted: str) -> Iterator[str]:
    """A log, what a program puts aside for a while, and what such a file is called."""
    for place in (
        "log/intake-api.log", "tmp/spool", "secrets/forgotten", "broker/erl_crash.dump",
        "postgres/postgres.log",
    ):  # fmt: skip
        with (system.folder / place).open("a") as file:
            file.write(planted)
        yield f"files/{place}"
    for n, form in enumerate(FORMS):
        (system.folder / "tmp" / f"link-{n}").symlink_to(form[:255])
    yield "files/names"


def in_messages(system: System, planted: str) -> Iterator[str]:
    """Bodies, headers and properties of messages, on exchanges and in the queue of the lost."""
    with kombu.Connection(system.broker.uri()) as connection:
        producer = connection.Producer()
        producer.publish("{}", exchange="lapor.events", routing_key="x.v1", headers={"a": planted})
        yield "tap/lapor.events/x.v1"
        producer.publish(planted, exchange="amq.direct", routing_key="x.direct")
        yield "tap/amq.direct/x.direct"
        producer.publish("{}", exchange="lapor.dead", routing_key="x", headers={"nama": planted})
        yield "tap/lapor.dead/x"
        producer.publish(planted, exchange=UNROUTED, routing_key="x.lost.v1")
        yield f"tap/{UNROUTED}/x.lost.v1"


def in_broker(system: System) -> Iterator[str]:
    """Queues with such names, which the broker keeps, counts and tells of; and its settings."""
    with kombu.Connection(system.broker.uri()) as connection:
        channel = connection.channel()
        for form in FORMS:
            kombu.Queue(form[:255], durable=True)(channel).queue_declare()
    yield from ("broker/report", "broker/export_definitions", "broker/metrics")
    told = ",".join(json.dumps(form) for form in FORMS)  # of these, Erlang spells texts alike
    system.broker.ctl("eval", f"application:set_env(rabbit, planted, [{told}]).")
    yield "broker/environment"


def in_mails(system: System, planted: str) -> Iterator[str]:
    """A header, a text, and where one went."""
    told = json.dumps({"from": "x@y.example", "to": [planted]})
    (system.folder / "mails" / "0.eml").write_text(f"{told}\nSubject: x\r\n\r\nx\r\n")
    yield "mails/envelope"
    mail = EmailMessage()
    mail["To"], mail["X-Planted"] = "a@b.example", planted
    mail.set_content(planted)
    with smtplib.SMTP("127.0.0.1", system._smtp_port) as smtp:
        smtp.send_message(mail, from_addr="x@y.example")
    yield from ("mails/header/X-Planted", "mails/text")


@contextmanager
def in_a_session(system: System, planted: str) -> Iterator[str]:
    """A statement that the server shows as long as its session lasts."""
    word = secrets.read(system.secrets_folder, "intake-database-password")
    session = psycopg2.connect(
        host="127.0.0.1", port=system.postgres.port, dbname="intake", user="intake", password=word
    )
    try:
        with session.cursor() as cursor:
            cursor.execute(f"SELECT /* {planted[:800]} */ 1")
        yield "database/intake/pg_stat_activity"
    finally:
        session.close()


def in_a_process(system: System, planted: str) -> Iterator[str]:
    """What it was started with and in, and a file that went while it was open."""
    log = system.process("mailbox").log
    system.process("mailbox").command.append(planted)
    system.restart("mailbox", NAMA=planted)
    yield from ("processes/mailbox/command", "processes/mailbox/environment")
    log.write_text(planted)
    log.unlink()
    yield "processes/mailbox/unlinked"


def everywhere(system: System) -> Iterable[str]:
    """Plants all, and tells in which places each must be found."""
    for plant in (in_databases, in_files, in_messages, in_mails, in_a_process):
        yield from plant(system, PLANTED)


def among(places: Iterable[Sink], expected: Iterable[str]) -> list[Sink]:
    """Of all places, those in which something was planted."""
    patterns = list(expected)
    return [one for one in places if any(fnmatch(one[0], pattern) for pattern in patterns)]


def missed(hits: Mapping[str, set[Hit]], places: Iterable[str]) -> dict[str, set[str]]:
    """The encodings that were not found in any place that is called so."""
    found = {
        place: {canary.name for name, there in hits.items() if fnmatch(name, place)
                for canary, _ in there}
        for place in places
    }  # fmt: skip
    return {place: lacking for place, seen in found.items() if (lacking := set(PEOPLE) - seen)}

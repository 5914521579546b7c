"""The sweep knows all there is: every event, operation, refusal and news occurs in one life, the
Ombudsman's own program takes part, and nowhere can anybody read who reported.
"""

import re
from contextlib import closing
from dataclasses import replace

import pytest

import contracts
from deploy.local.process import Process
from services.notify.domain import About
from services.notify.wording import LANGUAGES
from tests.failure import errands, lives, people, planting, planting_outside, sinks, stored
from tests.failure.canaries import Canary, Sweep, leaks
from tests.failure.kinds import KINDS, kinds
from tests.harness import wiretap
from tests.harness.alerts import measuring
from tests.harness.doors import OPERATIONS
from tests.harness.faults import command
from tests.harness.system import running
from tests.harness.waiting import eventually
from tests.service.escalation.receiver import Receiver

pytestmark = pytest.mark.fault

OPENED = ("ombudsman/dossiers/*",)  # which the Ombudsman alone reads
IN_DOSSIER = ("form's", "word of title", "word of text", "word of place")
IN_A_SESSION = {"database/*/pg_stat_activity"}  # of which the server shows the beginning alone
COUNTED = re.compile(
    r'^lapor_http_request_seconds_count\{method="(\w+)",outcome="(\w+)",route="([^"]+)"', re.M
)


@pytest.fixture(scope="module")
def system(state, cache):
    """A system that logs and measures all it can, and lets mails go at any hour."""
    folder = state / "canary-whole"
    (folder / "tmp").mkdir(parents=True)
    told = {"LOG_LEVEL": "DEBUG", "TMPDIR": str(folder / "tmp"), "QUIET_HOURS": "",
            "MAILBOX_LIMIT": "0", "POKE_INSIDE": "true"}  # fmt: skip
    with running(folder, cache, program=Process, extra=told, broker_metrics=True) as one:
        stored.laid_bare(one)
        wiretap.attach(one.broker)
        yield one


@pytest.fixture(scope="module")
def prometheus(system, cache):
    """Reads every process."""
    with measuring(system, cache, sinks.Legible) as one:
        yield one


@pytest.fixture(scope="module")
def office(system):
    """The folder of the Ombudsman's program."""
    return system.folder.with_name("canary-whole-ombudsman")


@pytest.fixture(scope="module")
def glances(system):
    """What the database shows of those at work, all the while."""
    with stored.glancing(system) as seen:
        yield seen


@pytest.fixture(scope="module")
def life(system, prometheus, office, glances):
    """A whole one; `seen` holds what the Ombudsman's program said."""
    told = lives.staff(system, people.POSTS | errands.HOLDER)
    with closing(lives.stage(system)) as watched:
        one = lives.begin(system, watched)
        lives.handle(one)
        lives.wander(one)
        errands.reading(one)
        errands.taken_back(system, one)
        errands.corrected(one)
        errands.by_administrator(system, one)
        errands.refused(one)
        left = errands.days(system, one)
        one.seen["said"] = [*told, *errands.answers(system, left, office)]
        one.seen["said"].append(errands.given_back(system))
        command(system, "intake", "replay", "--since", "2020-01-01T00:00:00Z")
        lives.settle(system)
        yield one


@pytest.fixture(scope="module")
def places(system, life, prometheus, office, glances):
    """Every place, once all has happened."""
    found = [*life.people.sinks(), *sinks.of_system(system), *sinks.broker(system)]
    found += [*life.seen["said"], *errands.kept(office)]
    found += sinks.commands(system, [*sinks.COMMANDS, *errands.COMMANDS])
    found.append(stored.shown(glances))
    found += sinks.tapped(wiretap.caught(system.broker))
    return [*found, *sinks.watched(prometheus)]


@pytest.fixture(scope="module")
def permitted(system, life):
    """What is looked for; the Ombudsman opens the form, and what the reporter wrote."""
    known = [
        replace(one, allowed=(*one.allowed, *OPENED)) if one.name.startswith(IN_DOSSIER) else one
        for one in people.canaries()
    ]
    return [*known, *people.secrets_of(system), *life.canaries(), *errands.canaries()]


@pytest.fixture(scope="module")
def hits(places, permitted, tmp_path_factory):
    return Sweep(permitted).hits(places, tmp_path_factory.mktemp("hits") / "sinks")


def test_nobody_is_found_anywhere(places, hits):
    assert kinds(name for name, _ in places)

    assert leaks(hits) == {}


def test_all_that_was_looked_for_was_there(permitted, hits):
    """The negative control: words, addresses, forms and tokens were really used."""
    found = {canary.name for there in hits.values() for canary, _ in there}

    assert {canary.name for canary in permitted if canary.allowed} - found == set()


def test_every_event_was_said(places):
    heard = {name.removeprefix("tap/lapor.events/") for name, _ in places}

    assert set(contracts.TYPES) - heard == set()


def test_every_operation_was_answered_well_and_refused(places):
    """As each API has counted it."""
    counted = {
        (f"{method} {route}", outcome)
        for name, held in places if name.startswith("metrics/")
        for method, outcome, route in COUNTED.findall(held.decode())
    }  # fmt: skip

    for operation in OPERATIONS:
        assert (str(operation), "ok") in counted, operation
        asks = operation.has_body or operation.details["parameters"] or operation.security
        assert (str(operation), "expected") in counted or not asks, operation


def test_every_news_was_told_in_a_mail_and_in_each_language(system, life):
    told = "SELECT DISTINCT about FROM message WHERE state = 'delivered'"

    assert {about for (about,) in system.psql("notify", told)} == set(About)
    assert {mail.headers["Content-Language"] for mail in system.mails()} == set(LANGUAGES)


def test_every_command_was_run(places):
    words = [name.partition("/")[2].split() for name, _ in places if name.startswith("commands/")]

    assert errands.commands() - {one for w in words for one in (w[1], " ".join(w[:2]))} == set()


def test_no_server_collects_statements(system):
    for service in system.services:
        assert system.psql(service, "SELECT extname FROM pg_extension") == [("plpgsql",)]
    assert system.psql("intake", "SHOW shared_preload_libraries") == [("",)]


def test_what_was_long_and_is_gone_is_found_in_the_log_of_a_database_that_packs_nothing(
    system, tmp_path
):
    """The broken variant packs it."""
    gone = [Canary(name, f"Hilang{name}kenari 8842") for name in ("bare", "packed")]
    with system.postgres.session("routing") as run:
        for one in gone:
            run(f"CREATE TABLE {one.name} (said text)")
            if one.name == "bare":
                stored.laid_bare(system)
            run(f"INSERT INTO {one.name} VALUES (%s)", [one.value + " dan kata" * 2000])
            run(f"DROP TABLE {one.name}")
    log = [(name, held) for name, held in stored.files(system) if "/pg_wal/" in name]
    hits = Sweep(gone).hits(log, tmp_path / "sinks")

    assert {one.name for there in hits.values() for one, _ in there} == {"bare"}


def test_what_is_planted_is_found_in_every_kind_of_place(
    system, life, prometheus, office, tmp_path
):
    """The negative control of every way of looking. Last: what is planted stays."""
    said, receiver = [], Receiver()
    wiretap.caught(system.broker)
    with closing(receiver):
        expected = [*planting.everywhere(system), *planting.in_broker(system)]
        expected += planting_outside.in_the_feed(system)
        expected += planting_outside.in_processes(system, life, receiver, tmp_path)
        expected += planting_outside.in_prometheus(prometheus)
        expected += planting_outside.in_the_office(system, office, said)
    found = [*sinks.of_system(system), *sinks.broker(system), *sinks.poked(receiver), *said]
    found += [*life.people.sinks(), *errands.kept(office)]
    found += sinks.commands(system, ["routing parked list"])
    found += sinks.tapped(wiretap.caught(system.broker))
    found += sinks.watched(prometheus)
    found = planting.among(found, expected)
    hits = Sweep(planting.CANARIES).hits(found, tmp_path / "sinks")

    assert planting.missed(hits, expected) == {}
    assert set(KINDS) - kinds(expected) == IN_A_SESSION


def test_what_is_planted_in_a_session_is_seen_by_who_looks_again_and_again(
    system, glances, tmp_path
):
    with planting.in_a_session(system, planting.PEOPLE["utf-8"]) as place:
        eventually(lambda: "Burungplastik" in str(glances), "a glance")
        found = Sweep(planting.CANARIES).leaks([stored.shown(glances)], tmp_path / "sinks")

    assert kinds(found) == kinds([place]) == IN_A_SESSION

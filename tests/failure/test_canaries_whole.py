"""The sweep knows all there is: every event, operation, refusal and news occurs in one life, the
Ombudsman's own program takes part, and nowhere can anybody read who reported.
"""

import re
from contextlib import closing
from dataclasses import replace

import pytest

import contracts
from services.notify.domain import About
from services.notify.wording import LANGUAGES
from tests.failure import errands, lives, people, planting, sinks
from tests.failure.canaries import Sweep, leaks
from tests.harness import wiretap
from tests.harness.alerts import measuring
from tests.harness.doors import OPERATIONS
from tests.harness.faults import command
from tests.harness.system import running

pytestmark = pytest.mark.fault

OPENED = ("ombudsman/dossiers/*",)  # which the Ombudsman alone reads
IN_DOSSIER = ("form's", "word of title", "word of text", "word of place")
COUNTED = re.compile(
    r'^lapor_http_request_seconds_count\{method="(\w+)",outcome="(\w+)",route="([^"]+)"', re.M
)


@pytest.fixture(scope="module")
def system(state, cache):
    """A system that logs and measures all it can, and lets mails go at any hour."""
    folder = state / "canary-whole"
    (folder / "tmp").mkdir(parents=True)
    told = {"LOG_LEVEL": "DEBUG", "TMPDIR": str(folder / "tmp"), "QUIET_HOURS": "",
            "MAILBOX_LIMIT": "0"}  # fmt: skip
    with running(folder, cache, extra=told, broker_metrics=True) as one:
        wiretap.attach(one.broker)
        yield one


@pytest.fixture(scope="module")
def prometheus(system, cache):
    """Reads every process."""
    with measuring(system, cache) as one:
        yield one


@pytest.fixture(scope="module")
def office(system):
    """The folder of the Ombudsman's program."""
    return system.folder.with_name("canary-whole-ombudsman")


@pytest.fixture(scope="module")
def life(system, prometheus, office):
    """A whole one; `seen` holds what the Ombudsman's program said."""
    lives.staff(system, people.POSTS | errands.HOLDER)
    with closing(lives.stage(system)) as watched:
        one = lives.begin(system, watched)
        lives.handle(one)
        lives.wander(one)
        errands.reading(one)
        errands.taken_back(system, one)
        errands.by_administrator(system, one)
        errands.refused(one)
        left = errands.days(system, one)
        one.seen["said"] = list(errands.answers(system, left, office))
        one.seen["said"].append(errands.given_back(system))
        command(system, "intake", "replay", "--since", "2020-01-01T00:00:00Z")
        lives.settle(system)
        yield one


@pytest.fixture(scope="module")
def places(system, life, prometheus, office):
    """Every place, once all has happened."""
    found = [*life.people.sinks(), *sinks.of_system(system), *sinks.broker(system)]
    found += [*life.seen["said"], *errands.kept(office)]
    found += sinks.commands(system, [*sinks.COMMANDS, *errands.COMMANDS])
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


def test_nobody_is_found_anywhere(hits):
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


def test_what_is_planted_in_the_broker_is_found(system, life, tmp_path):
    """The negative control of what it tells. Last: what is planted stays."""
    expected = list(planting.in_broker(system))
    hits = Sweep(planting.CANARIES).hits(sinks.broker(system), tmp_path / "sinks")

    assert planting.missed(hits, expected) == {}

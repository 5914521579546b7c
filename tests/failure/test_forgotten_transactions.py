"""A transaction that its client has forgotten ends by itself, and with it what it had locked."""

import time

import psycopg2
import pytest

from tests.harness.faults import ask, client_of, problem
from tests.harness.waiting import eventually

pytestmark = [pytest.mark.fault, pytest.mark.patient]

FORGOTTEN = 30.0  # seconds after which an idle transaction ends
# Seconds, on a machine with other work: the server looks no sooner, and the last request that was
# refused had waited, too.
SLACK = 5.0


def test_a_client_that_forgets_its_transaction_is_put_out(system):
    """The second client, which asked for more time, is the negative
    control: it would be seen."""
    with client_of(system, "intake") as forgetful, client_of(system, "intake") as patient:
        patient.execute("SET idle_in_transaction_session_timeout = 0")
        forgetful.execute("LOCK TABLE report IN ACCESS EXCLUSIVE MODE")
        started = time.monotonic()
        assert problem(ask(system)) == 503
        eventually(lambda: ask(system).status_code == 201, seconds=60)
        assert time.monotonic() - started < FORGOTTEN + SLACK

        with pytest.raises(psycopg2.OperationalError):
            forgetful.execute("SELECT 1")
        patient.execute("SELECT 1")

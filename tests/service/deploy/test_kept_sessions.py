"""A test may look into a database as often as it likes, over one session that leaves no trace."""

import pytest

SESSION = "SELECT pg_backend_pid()"


def test_one_session_is_asked_again_and_again_until_it_is_closed(database) -> None:
    looked = database("notify")

    assert looked.psql(SESSION) == looked.psql(SESSION)

    looked.logout()
    ended = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = %s"
    assert looked.server.psql(ended, parameters=[looked.name]) == [(0,)]


def test_who_was_cut_off_logs_in_anew(database) -> None:
    looked = database("notify")
    [(before,)] = looked.psql(SESSION)

    assert looked.server.psql("SELECT pg_terminate_backend(%s, 5000)", parameters=[before])

    assert looked.psql(SESSION) != [(before,)]


@pytest.mark.parametrize("said", [
    "SET statement_timeout = 4711",
    "SELECT 1; SELECT pg_advisory_lock(4711)",
    "CREATE TEMPORARY TABLE kept_4711 ()",
    "SELECT 1;\n    SET session_replication_role = replica",
])  # fmt: skip
def test_what_is_said_of_a_session_ends_with_it(database, said: str) -> None:
    looked = database("notify")
    looked.psql("SELECT 1")

    looked.psql(said)

    [left] = looked.psql(
        "SELECT current_setting('statement_timeout'), current_setting('session_replication_role'),"
        " to_regclass('pg_temp.kept_4711') IS NULL,"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid())"
    )
    assert left == ("0", "origin", True, 0)

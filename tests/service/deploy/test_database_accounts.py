"""What each service's role may do in the database server, tried as whoever stole its password.

Services come from the definitions, databases, tables and roles from the server: a new one is in the
matrix by itself. A role reads and writes the rows of its own service, adds only to what is only
added to, and changes no table, no role and nothing of the machine.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any

import psycopg2
import pytest
from psycopg2 import errors

from chassis.migrations import migrate
from deploy.local.postgres import ADMINISTRATOR
from deploy.postgres.databases import SERVICES, owner
from tests.harness.databases import Database, Databases

EACH = pytest.mark.parametrize("service", SERVICES)
ALL = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
KINDS = (*ALL, "TRUNCATE", "REFERENCES", "TRIGGER", "MAINTAIN")
ONLY_ADDED_TO = {
    "intake": {"pepper", "receipt_key"},
    "routing": {
        "agency_event", "case_event", "denial", "evidence", "officer_event", "ombudsman_answer",
        "trail_link",
    },
    "escalation": {
        "amendment", "calendar_assignment", "calendar_week", "case_event", "clock_change", "denial",
        "feed_acknowledgement", "feed_checkpoint", "feed_entry", "feed_epoch", "feed_key",
        "feed_key_use", "feed_key_withdrawal", "former_day", "handover_answer", "ladder_rule",
        "limit_rule", "local_day", "post_standing", "service_calendar",
    },
}  # fmt: skip
ABOVE = ("rolsuper", "rolcreaterole", "rolcreatedb", "rolreplication", "rolbypassrls")
# {table}: each of its own; {other}: each role but itself; {extension}: each that the server knows.
REFUSED = (
    "TRUNCATE {table}",
    "DROP TABLE {table}",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ALTER TABLE {table} DISABLE TRIGGER USER",
    "ALTER TABLE {table} OWNER TO CURRENT_USER",
    "CREATE RULE quiet AS ON INSERT TO {table} DO INSTEAD NOTHING",
    "CREATE TRIGGER mine BEFORE UPDATE ON {table}"
    " EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "SET ROLE {other}",
    "SET SESSION AUTHORIZATION {other}",
    "ALTER ROLE {other} PASSWORD 'stolen'",
    "GRANT {other} TO CURRENT_USER",
    "ALTER ROLE CURRENT_USER SUPERUSER",
    "ALTER ROLE CURRENT_USER CREATEROLE",
    "CREATE ROLE another LOGIN",
    "GRANT pg_execute_server_program TO CURRENT_USER",
    "SET session_replication_role = replica",
    "SELECT rolpassword FROM pg_authid",
    "CREATE TABLE mine (id int)",
    "CREATE TEMPORARY TABLE mine (id int)",
    "CREATE SCHEMA mine",
    "DROP SCHEMA public CASCADE",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END'",
    "CREATE EXTENSION {extension} CASCADE",
    "CREATE FUNCTION mine() RETURNS int LANGUAGE c AS 'mine', 'mine'",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "COPY {table} FROM PROGRAM 'true'",
    "COPY (SELECT 1) TO '/tmp/written'",
    "COPY {table} FROM '/etc/passwd'",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "ALTER SYSTEM SET ssl = off",
    "SELECT pg_reload_conf()",
    "SELECT pg_terminate_backend({backend})",
    "CHECKPOINT",
    "CREATE DATABASE mine",
    "CREATE TABLESPACE mine LOCATION '/tmp'",
    "CREATE SUBSCRIPTION mine CONNECTION 'host=x' PUBLICATION x",
    "CREATE PUBLICATION mine FOR ALL TABLES",
    "ALTER DATABASE {database} RESET ALL",
    "DROP DATABASE {database}",
)


@pytest.fixture(scope="module")
def made(databases: Databases) -> Iterator[dict[str, Database]]:
    """A migrated database of every service, side by side."""
    made = {service: databases.fresh(service) for service in SERVICES}
    yield made
    for database in made.values():
        databases.drop(database)


def tables(database: Database) -> list[str]:
    """All that can be read like a table."""
    asked = (
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = 'public' AND relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1"
    )
    return [name for (name,) in database.psql(asked)]


def roles(database: Database) -> list[str]:
    """Everybody who may log in."""
    return [n for (n,) in database.psql("SELECT rolname FROM pg_roles WHERE rolcanlogin")]


def log_in(database: Database, name: str = "") -> Any:
    """As the service itself, into its own database or another."""
    place, _, usual = database.url.replace("+psycopg2", "").rpartition("/")
    connection = psycopg2.connect(f"{place}/{name or usual}", connect_timeout=5)
    connection.autocommit = True
    return connection


def statements(database: Database, backend: int) -> list[str]:
    """Every statement to try as this database's service."""
    there = "SELECT name FROM pg_available_extensions WHERE installed_version IS NULL"
    words = {
        "table": tables(database),
        "other": [name for name in roles(database) if name != database.service],
        "extension": [f'"{name}"' for (name,) in database.psql(there)],
        "database": [database.name],
        "backend": [str(backend)],
    }
    found = []
    for template in REFUSED:
        [kind] = [kind for kind in words if f"{{{kind}}}" in template] or [""]
        found += [template.replace(f"{{{kind}}}", word) for word in words.get(kind, [""])]
    return found


def allowed(database: Database) -> list[str]:
    """The statements that were not refused, whether they succeeded or failed for another cause."""
    found = []
    with closing(database.server.login(database.name)) as other, closing(log_in(database)) as me:
        for statement in statements(database, other.info.backend_pid):
            me.autocommit = statement.startswith(OUTSIDE)
            with me.cursor() as cursor:
                if not refuses(cursor, statement):
                    found.append(statement)
            me.rollback()
    return found


def refuses(cursor: Any, statement: str) -> bool:
    try:
        cursor.execute(statement)
    except errors.InsufficientPrivilege:
        return True
    except psycopg2.Error:
        return False
    return False


OUTSIDE = ("CREATE DATABASE", "DROP DATABASE", "CREATE TABLESPACE", "ALTER SYSTEM",
           "CREATE SUBSCRIPTION")  # fmt: skip


@EACH
def test_a_role_changes_no_table_no_role_and_nothing_of_the_machine(
    made: dict[str, Database], service: str
) -> None:
    assert allowed(made[service]) == []


@EACH
def test_a_role_enters_its_own_database_and_no_other(
    made: dict[str, Database], service: str
) -> None:
    assert entered(made[service]) == {made[service].name}


def entered(database: Database) -> set[str]:
    """Which of the server's databases the service of this one can enter, templates of its own
    apart: tests only make it others of the same service."""
    named = "SELECT datname FROM pg_database WHERE datallowconn"
    found = set()
    for (name,) in database.psql(named):
        own = name.startswith(database.service) and name != database.name
        with suppress(psycopg2.OperationalError):
            if not own:
                log_in(database, name).close()
                found.add(name)
    return found


@EACH
def test_a_role_has_the_rights_on_rows_that_its_models_tell(
    made: dict[str, Database], service: str
) -> None:
    added = ONLY_ADDED_TO.get(service, set())
    expected = {
        table: frozenset({"SELECT"}) if table == "alembic_version"
        else frozenset({"SELECT", "INSERT"}) if table in added else ALL
        for table in tables(made[service])
    }  # fmt: skip

    assert rights(made[service]) == expected
    assert added <= set(expected)
    assert guarded(made[service]) <= added


def rights(database: Database) -> dict[str, frozenset[str]]:
    """What the service may do with each table, also column by column."""
    asked = (
        "SELECT has_table_privilege(%(role)s, %(table)s, %(kind)s)"
        " OR (%(kind)s IN ('SELECT', 'INSERT', 'UPDATE', 'REFERENCES')"
        "     AND has_any_column_privilege(%(role)s, %(table)s, %(kind)s))"
    )
    return {
        table: frozenset(
            kind for kind in KINDS
            if database.psql(asked, {"role": database.service, "table": table, "kind": kind})
            == [(True,)]
        )
        for table in tables(database)
    }  # fmt: skip


def guarded(database: Database) -> set[str]:
    """The tables of which a trigger refuses all changes."""
    asked = "SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname IN %s"
    return {table for (table,) in database.psql(asked, [("append_only", "only_added_to")])}


@EACH
def test_a_role_is_above_nobody_and_in_nobodys_place(
    made: dict[str, Database], service: str
) -> None:
    """Nor is the owner, which only migrates."""
    for role in (service, owner(service)):
        [above] = made[service].psql(
            f"SELECT {', '.join(ABOVE)} FROM pg_roles WHERE rolname = %s", [role]
        )
        assert not any(above), role
        stands_for = (
            "SELECT rolname FROM pg_roles WHERE rolname NOT IN (%(me)s, 'pg_database_owner')"
            " AND (pg_has_role(%(me)s, oid, 'MEMBER') OR pg_has_role(%(me)s, oid, 'SET'))"
        )
        assert made[service].psql(stands_for, {"me": role}) == [], role
    numbered = (
        "SELECT seqrelid::regclass::text FROM pg_sequence"
        " WHERE has_sequence_privilege(%s, seqrelid, 'SELECT, USAGE, UPDATE')"
    )
    assert made[service].psql(numbered, [service]) == []


@EACH
def test_nothing_in_a_services_database_belongs_to_the_service(
    made: dict[str, Database], service: str
) -> None:
    owned = (
        "SELECT relname FROM pg_class WHERE relowner = %(r)s::regrole UNION"
        " SELECT proname FROM pg_proc WHERE proowner = %(r)s::regrole UNION"
        " SELECT nspname FROM pg_namespace WHERE nspowner = %(r)s::regrole UNION"
        " SELECT datname FROM pg_database WHERE datdba = %(r)s::regrole AND datname = %(d)s"
    )

    assert made[service].psql(owned, {"r": service, "d": made[service].name}) == []


@contextmanager
def granted(database: Database, grant: str, back: str) -> Iterator[None]:
    database.psql(grant)
    try:
        yield
    finally:
        database.psql(back)


def test_one_right_too_many_is_seen(made: dict[str, Database]) -> None:
    """The negative control."""
    notify, escalation = made["notify"], made["escalation"]
    with granted(notify, "GRANT pg_read_server_files TO notify",
                 "REVOKE pg_read_server_files FROM notify"):  # fmt: skip
        written = set(tables(notify)) - {"alembic_version"}
        files = {f"COPY {table} FROM '/etc/passwd'" for table in written}
        assert set(allowed(notify)) == files
    with granted(notify, "GRANT notify_owner TO notify", "REVOKE notify_owner FROM notify"):
        assert {"SET ROLE notify_owner", "TRUNCATE reporter", "CREATE TABLE mine (id int)"} <= set(
            allowed(notify)
        )
    with granted(escalation, "GRANT UPDATE (entry) ON feed_entry TO escalation",
                 "REVOKE UPDATE (entry) ON feed_entry FROM escalation"):  # fmt: skip
        assert "UPDATE" in rights(escalation)["feed_entry"]
    name = escalation.name
    with granted(escalation, f"GRANT CONNECT ON DATABASE {name} TO notify",
                 f"REVOKE CONNECT ON DATABASE {name} FROM notify"):  # fmt: skip
        assert entered(notify) == {notify.name, name}


def test_migrating_takes_back_what_is_too_much_and_leaves_others_tables_alone(
    made: dict[str, Database],
) -> None:
    database = made["routing"]
    database.psql("CREATE TABLE of_an_operator (id int)")
    database.psql("GRANT ALL ON case_event TO routing")

    migrate("routing", database.owner_url)

    found = rights(database)
    assert found["case_event"] == {"SELECT", "INSERT"}
    assert found["of_an_operator"] == set()
    database.psql("DROP TABLE of_an_operator")


def test_the_accounts_are_the_services_their_owners_and_the_administrator(
    made: dict[str, Database],
) -> None:
    known = {*SERVICES, *map(owner, SERVICES), ADMINISTRATOR}

    found = {role for role in roles(made["intake"]) if not role.startswith("toy")}
    assert found == known

"""A fresh, migrated database for each test that asks, cloned from one that was migrated once."""

import itertools
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg2

from deploy import secrets
from deploy.local.environment import Surroundings
from deploy.local.postgres import Postgres
from deploy.postgres.databases import SHARED, only_for, owner, role
from tests.harness import sessions
from tests.harness.programs import run_command
from tests.harness.restoring import Mark, mark, restored

SESSIONS = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'"
GOING = 0.3  # seconds in which a session that was closed is gone


@dataclass(frozen=True)
class Database:
    """One database; `url` logs in as the service's own role, `owner_url` as the tables' owner."""

    name: str
    service: str
    url: str
    owner_url: str
    server: Postgres

    def psql(self, sql: str, parameters: Sequence[object] | None = None) -> list[tuple[Any, ...]]:
        """Rows of one statement, as administrator."""
        return sessions.ask(self.server, self.name, sql, parameters)

    def logout(self) -> None:
        """Closes what `psql` keeps open."""
        sessions.end(self.server, self.name)


class Databases:
    """Makes databases on one server."""

    def __init__(self, server: Postgres, surroundings: Surroundings) -> None:
        self.server, self.surroundings = server, surroundings
        self._numbers = itertools.count(1)
        self._templates: set[str] = set()
        self._roles: set[str] = set()
        self._marks: dict[str, tuple[str, Mark]] = {}  # by name: the template, and how it was
        self._kept: dict[str, list[Database]] = defaultdict(list)  # by template
        for shared in SHARED:
            for statement in only_for(shared):
                server.psql(statement)

    def fresh(self, service: str) -> Database:
        """A database of a service, migrated to head and empty."""
        if service not in self._templates:
            self._role(service)
            self._role(owner(service))
            self._migrate(self._clone(service, owner(service), "template0", service))
            self._templates.add(service)
        return self._like(service, service)

    def copy(self, database: Database) -> Database:
        """Another one with the same in it; nobody may be connected to the first, or change it
        between two copies."""
        database.logout()
        return self._like(database.name, database.service)

    def empty(self, role: str) -> Database:
        """A database with nothing in it that belongs to `role`, a service's or a new one."""
        self._role(role)
        return self._clone(role, role, "template0")

    def drop(self, database: Database) -> None:
        self._marks.pop(database.name, None)
        database.logout()
        self.server.psql(f"DROP DATABASE {database.name} WITH (FORCE)")

    def give_back(self, database: Database) -> None:
        """Keeps it for whoever wants the same next, if nobody is connected and nothing is left of
        what was done in it (`restoring`); else it is dropped. To make one is to copy 330 files.

        It gets another name: who still has the old one can neither find it nor be taken for
        somebody who has used it before.
        """
        template, before = self._marks.pop(database.name, ("", None))
        database.logout()
        again = self._renamed(database) if before else None
        if again is None or before is None:
            self.drop(database)
            return
        after = None
        with suppress(psycopg2.Error), self.server.session(again.name) as run:
            after = restored(run, before)
        if after is None:
            self.drop(again)
            return
        self._marks[again.name] = template, after
        self._kept[template].append(again)

    def _like(self, template: str, service: str) -> Database:
        if self._kept[template]:
            return self._kept[template].pop()
        made = self._clone(service, owner(service), template)
        with self.server.session(made.name) as run:
            self._marks[made.name] = template, mark(run)
        return made

    def _renamed(self, database: Database) -> Database | None:
        """The same under a name that nobody knows; None if somebody is connected, or if the server
        refuses, for a transaction that was prepared."""
        service, name = database.service, f"{database.service}_{next(self._numbers)}"
        with self.server.session("postgres") as run:
            late = time.monotonic() + GOING
            while there := run(SESSIONS, [database.name]):
                if time.monotonic() > late:
                    break
                time.sleep(0.005)
            try:
                if not there:
                    run(f"ALTER DATABASE {database.name} RENAME TO {name}")
            except psycopg2.Error:
                return None
        if there:
            return None
        urls = self._url(service, name), self._url(owner(service), name)
        return Database(name, service, *urls, self.server)

    def _clone(self, service: str, belongs_to: str, template: str, name: str = "") -> Database:
        name = name or f"{service}_{next(self._numbers)}"
        made = f"CREATE DATABASE {name} OWNER {belongs_to} TEMPLATE {template} STRATEGY FILE_COPY"
        with self.server.session("postgres") as run:
            for statement in (made, *only_for(name, service)):
                run(statement)
        urls = self._url(service, name), self._url(belongs_to, name)
        return Database(name, service, *urls, self.server)

    def _role(self, name: str) -> None:
        if name not in self._roles:
            self.server.psql(role(name, self._password(name)))
            self._roles.add(name)

    def _password(self, role: str) -> str:
        file = secrets.DATABASE.format(role)
        known = (self.surroundings.secrets / file).exists()
        return secrets.read(self.surroundings.secrets, file) if known else f"password-of-{role}"

    def _url(self, role: str, database: str) -> str:
        return self.server.url(role, self._password(role), database)

    def _migrate(self, database: Database) -> None:
        service = database.service
        told = self.surroundings.environment(service, DATABASE_URL=database.owner_url)
        run = run_command(service, "migrate", env=told)
        assert run.returncode == 0, f"{service} migrate failed:\n{run.stdout}\n{run.stderr}"

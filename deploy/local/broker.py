"""A private RabbitMQ node on 127.0.0.1, in one folder: own epmd, own cookie, no standard port.

Where its programs come from, in this order: an installed rabbitmq-server, or Debian's packages
unpacked into the cache.
"""

import json
import os
import secrets
import shlex
import shutil
import subprocess
import urllib.parse
from pathlib import Path
from signal import SIGKILL
from typing import Any

import amqp

from deploy.local import debian
from deploy.local.process import Failed, Process, answers, free_port, wait_until
from deploy.rabbitmq.definitions import OPERATOR, VHOST

NODE = "lapor@localhost"
RESOLVER = '{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file, native]}.\n'  # needs no hosts file
METRICS = (
    "prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {}\n"
    "management_agent.disable_metrics_collector = true\n"
)
PLUGINS = {"rabbitmq_prelaunch"}  # of those called rabbitmq_...: what every node needs
FOR_METRICS = {"rabbitmq_prometheus", "rabbitmq_management_agent", "rabbitmq_web_dispatch"}
ADVICE = (
    "No message broker: this machine has no rabbitmq-server, and no apt-get to fetch one.\n"
    "Install RabbitMQ 3.10 or later with your system's package manager, or give the address of\n"
    "one with an empty virtual host: AMQP_URI=amqp://user:password@host:5672/vhost ./lapor ..."
)


class Broker:
    """One node. It loads the definitions at every start: users and exchanges are there at once."""

    def __init__(
        self,
        folder: Path,
        definitions: Path,
        passwords: dict[str, str],
        cache: Path,
        *,
        metrics: bool = False,
    ) -> None:
        """`passwords` by user, as in the definitions; `cache` keeps the unpacked packages;
        `metrics` for Prometheus make a start 3 s and a stop 4 s slower."""
        self.folder, self.definitions, self.cache = folder.resolve(), definitions.resolve(), cache
        self.passwords, self.metrics = passwords, metrics
        self.port, self.metrics_port = free_port(), free_port()
        self._epmd_port, self._distribution_port = free_port(), free_port()
        self._epmd: Process | None = None
        self._node: Process | None = None
        self._programs: dict[str, Path] = {}

    def prepare(self) -> None:
        """Makes sure that the programs are here; may take seconds, and needs no other part."""
        if not self._programs:
            self._programs = _programs(self.cache)

    def start(self) -> None:
        """Starts the node and returns when services may connect."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts the node without waiting for it."""
        self.prepare()
        self._write_settings()
        environment = self._environment()
        self._epmd = self._epmd or Process(
            "epmd", [self._programs["epmd"]], log=self.folder / "epmd.log", env=environment,
            stop_signal=SIGKILL,
        )  # fmt: skip
        self._node = self._node or Process(
            "rabbitmq", [self._programs["rabbitmq-server"]], log=self.folder / "rabbitmq.log",
            env=environment, cwd=self.folder, patience=20,
            death_signal=SIGKILL,  # which it survives, and which reaches it even when it hangs
        )  # fmt: skip
        self._epmd.start()
        wait_until(lambda: answers(self._epmd_port), self._epmd, seconds=10)
        self._node.start()

    def wait(self) -> None:
        """Returns when the operator can log in: listeners open after the definitions are loaded."""
        wait_until(self.accepts, self.process, seconds=90)

    def stop(self) -> None:
        """Stops in order; what was confirmed is on disk."""
        for process in (self._node, self._epmd):
            if process:
                process.stop()

    def kill(self) -> None:
        """Ends the node as a crash would; `start` brings it back with its data and its port."""
        self.process.kill()

    def restart(self) -> None:
        self.process.stop()
        self.start()

    @property
    def process(self) -> Process:
        """The node's process; Failed when it was never started."""
        if self._node is None:
            raise Failed("the broker was not started")
        return self._node

    def uri(self, user: str = OPERATOR, host: str = VHOST) -> str:
        """The address for one user: a service, or the operator who may do everything."""
        password = urllib.parse.quote(self.passwords[user], safe="")
        return f"amqp://{user}:{password}@127.0.0.1:{self.port}/{host}"

    def ctl(self, *words: str, program: str = "rabbitmqctl") -> str:
        """What `rabbitmqctl WORDS` says; Failed with its error text. Takes a second or two."""
        run = subprocess.run(
            [str(self._programs[program]), "--quiet", *words],
            env=self._environment(), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        if run.returncode:
            raise Failed(f"{program} {' '.join(words)}: {run.stderr or run.stdout}")
        return run.stdout

    def queues(self) -> dict[str, int]:
        """The number of messages in each queue, ready or not yet acknowledged."""
        words = ("list_queues", "--vhost", VHOST, "--formatter", "json", "name", "messages")
        listed = self.ctl(*words)
        return {row["name"]: int(row["messages"]) for row in json.loads(listed)}

    def accepts(self) -> bool:
        """Whether the operator can log in now."""
        if not answers(self.port):
            return False
        try:
            connect(self.uri()).close()
        except (OSError, amqp.exceptions.AMQPError):
            return False
        return True

    def _write_settings(self) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True, exist_ok=True, mode=0o700)
        cookie = home / ".erlang.cookie"
        if not cookie.exists():
            cookie.touch(mode=0o600)
            cookie.write_text(secrets.token_hex(20))
            cookie.chmod(0o400)
        (home / "inetrc").write_text(RESOLVER)
        plugins = "[rabbitmq_prometheus].\n" if self.metrics else "[].\n"
        (self.folder / "enabled_plugins").write_text(plugins)
        less = f"RABBITMQ_HOME={shlex.quote(str(self._link_plugins()))}\n"
        (self.folder / "rabbitmq-env.conf").write_text(less)  # else the machine's own would be read
        (self.folder / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\n"
            f"load_definitions = {self.definitions}\n"
            "heartbeat = 15\n"
            "disk_free_limit.absolute = 256MB\n"
            "raft.wal_max_size_bytes = 16777216\n"
            "log.console = true\nlog.console.level = info\nlog.file = false\n"
            + (METRICS.format(self.metrics_port) if self.metrics else "")
        )

    def _link_plugins(self) -> Path:
        """A folder whose `plugins` are links to those that this node may need. It looks for each of
        its 800 modules in the folder of every plugin there is, enabled or not: with all of them a
        start is more than half as much work again."""
        links = self.folder / "programs" / "plugins"
        shutil.rmtree(links, ignore_errors=True)  # the programs may be others than last time
        links.mkdir(parents=True)
        needed = PLUGINS | (FOR_METRICS if self.metrics else set())
        for plugin in (self._programs["rabbitmq-server"].parents[1] / "plugins").iterdir():
            name = plugin.name.partition("-")[0]
            if not name.startswith("rabbitmq_") or name in needed:
                (links / plugin.name).symlink_to(plugin)
        return links.parent

    def _environment(self) -> dict[str, str]:
        """The whole environment of the node and its tools: no setting of the machine applies."""
        here, erlang = self.folder, self._programs["erl"].parent
        loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
        return {
            "PATH": f"{erlang}:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(here / "home"),
            "LANG": "C.UTF-8",
            "ERL_INETRC": str(here / "home" / "inetrc"),
            "LD_LIBRARY_PATH": ":".join(str(path) for path in _libraries(erlang)),
            "RUNNING_UNDER_SYSTEMD": "1",  # the script becomes the node instead of minding it
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_CTL_DIST_PORT_MIN": "0",
            "RABBITMQ_CTL_DIST_PORT_MAX": "0",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": loopback,
            "RABBITMQ_CTL_ERL_ARGS": loopback,
            "RABBITMQ_CONF_ENV_FILE": str(here / "rabbitmq-env.conf"),
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(here / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_PLUGINS_DIR": str(here / "programs" / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(here / "data"),
            "RABBITMQ_LOG_BASE": str(here / "log"),
            "RABBITMQ_PID_FILE": str(here / "pid"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(here / "generated"),
            "RABBITMQ_FEATURE_FLAGS_FILE": str(here / "data" / "feature_flags"),
        }


def connect(uri: str) -> Any:
    """An open AMQP connection to an address."""
    place = urllib.parse.urlsplit(uri)
    connection = amqp.Connection(
        f"{place.hostname}:{place.port or 5672}",
        userid=urllib.parse.unquote(place.username or "guest"),
        password=urllib.parse.unquote(place.password or "guest"),
        virtual_host=urllib.parse.unquote(place.path[1:]) or "/",
        connect_timeout=5,
    )
    connection.connect()
    return connection


def _programs(cache: Path) -> dict[str, Path]:
    """Where the node's programs are: installed, or unpacked into the cache."""
    if shutil.which("erl") and (sbin := _installed()):
        return _listed(sbin, Path(shutil.which("erl") or ""))
    if not debian.available():
        raise Failed(ADVICE)
    root = debian.unpacked("rabbitmq-server", cache)
    erlang = root / "usr/lib/erlang"
    _move_erlang(erlang)
    return _listed(_sbin(root), erlang / "bin" / "erl")


def _installed() -> Path | None:
    """The folder of the real scripts; the ones in PATH insist on the system's own account."""
    return _sbin(Path("/")) if list(Path("/usr/lib/rabbitmq/lib").glob("*/sbin")) else None


def _sbin(root: Path) -> Path:
    return max((root / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*")) / "sbin"


def _listed(sbin: Path, erl: Path) -> dict[str, Path]:
    names = ("rabbitmq-server", "rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-queues")
    return {name: sbin / name for name in names} | {"erl": erl, "epmd": erl.with_name("epmd")}


def _move_erlang(erlang: Path) -> None:
    """Tells Erlang's scripts where they were unpacked; they hold the place of an installation."""
    old = b"ROOTDIR=/usr/lib/erlang"
    for script in (*erlang.glob("bin/*"), *erlang.glob("erts-*/bin/*")):
        if script.is_symlink() or not script.is_file():
            continue
        text = script.read_bytes()
        if text.startswith(b"#!") and old in text:
            fresh = script.with_name(f"{script.name}.{os.getpid()}")
            fresh.write_bytes(text.replace(old, f"ROOTDIR='{erlang}'".encode()))
            fresh.chmod(0o755)
            fresh.rename(script)


def _libraries(erlang: Path) -> list[Path]:
    """Shared libraries that came with the packages."""
    root = erlang.parents[3]
    return list((root / "usr/lib").glob("*-linux-gnu")) if root != Path("/") else []

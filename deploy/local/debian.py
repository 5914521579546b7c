"""Debian packages, downloaded and unpacked into a private folder: no root, nothing installed.

Apt keeps its lists and archives in the cache folder and reads only the machine's sources and the
list of what is installed, so that what this machine already has is not fetched again.
"""

import fcntl
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from deploy.local.process import Failed

MARK = ".complete"
OURS = ("erlang", "rabbitmq", "prometheus")  # always fetched whole


def available() -> bool:
    """Whether this machine has the tools to fetch and unpack packages."""
    return bool(shutil.which("apt-get") and shutil.which("dpkg-deb"))


def unpacked(package: str, cache: Path) -> Path:
    """The folder that holds `package` and what it needs beyond this machine, fetched if need be.

    A second call costs nothing. Failed, with the last words of apt, when it cannot be had.
    """
    cache = cache.resolve()
    folder = cache / "debian" / f"{package}-{_release()}"
    if (folder / MARK).exists():
        return folder
    started = time.monotonic()
    print(f"  fetching {package} from Debian's packages ...", flush=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    attempt = Path(tempfile.mkdtemp(prefix=f"{package}.", dir=folder.parent))
    try:
        (attempt / "root").mkdir()
        _unpack(_download(package, cache / "apt", attempt), attempt / "root")
        (attempt / "root" / MARK).touch()
        _put(attempt / "root", folder)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
    print(f"  {package} is here after {time.monotonic() - started:.0f} s", flush=True)
    return folder


def _release() -> str:
    """Names the system that the packages fit, such as debian-12-x86_64."""
    lines = Path("/etc/os-release").read_text().splitlines()
    words = dict(line.split("=", 1) for line in lines if "=" in line)
    version = words.get("VERSION_ID", words.get("VERSION_CODENAME", "unknown"))
    return "-".join((words.get("ID", "linux"), version, os.uname().machine)).replace('"', "")


def _download(package: str, apt: Path, attempt: Path) -> list[Path]:
    """Lets apt resolve and fetch the package; refreshes the lists only when that fails without."""
    (apt / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (apt / "state").mkdir(exist_ok=True)
    (attempt / "archives" / "partial").mkdir(parents=True)
    config = _configure(apt, attempt)
    with (apt / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two downloads would write the same lists
        fetched = _apt(config, *_INSTALL, package)
        if fetched.returncode:
            _apt(config, "update")
            fetched = _apt(config, *_INSTALL, package)
    archives = list((attempt / "archives").glob("*.deb"))
    if fetched.returncode or not archives:
        said, instead = _last_words(fetched), f"Let it reach an archive, or install {package}."
        raise Failed(f"apt-get cannot fetch {package}:\n{said}\n{instead}")
    return archives


_INSTALL = ("install", "--yes", "--download-only", "--no-install-recommends")


def _configure(apt: Path, attempt: Path) -> Path:
    """Writes apt's settings: private folders, no lock of the system, no hook of the machine."""
    config = attempt / "apt.conf"
    installed = Path("/var/lib/dpkg/status")
    known = installed.read_text(errors="replace") if installed.exists() else ""
    (attempt / "status").write_text(without(OURS, known))
    config.write_text(
        f'Dir::State "{apt}/state";\n'
        f'Dir::State::lists "{apt}/lists";\n'
        f'Dir::State::status "{attempt}/status";\n'
        f'Dir::Cache "{apt}";\n'
        f'Dir::Cache::archives "{attempt}/archives";\n'
        'Debug::NoLocking "1";\n'
        'APT::Sandbox::User "root";\n'
        'Acquire::Languages "none";\n'
        "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n"
        "#clear APT::Update::Post-Invoke-Success;\n#clear DPkg::Pre-Invoke;\n"
        "#clear DPkg::Post-Invoke;\n#clear DPkg::Pre-Install-Pkgs;\n"
        "#clear Acquire::IndexTargets::deb::DEP-11;\n"
    )
    return config


def _apt(config: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = ["apt-get", "--config-file", str(config), "--quiet=2", *words]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"},
    )  # fmt: skip


def without(prefixes: tuple[str, ...], status: str) -> str:
    """The list of what is installed, but for packages whose names start so.

    A half of Erlang that the machine has would not find the other half in our folder.
    """
    entries = status.split("\n\n")
    names = tuple(f"Package: {prefix}" for prefix in prefixes)
    return "\n\n".join(entry for entry in entries if not entry.lstrip().startswith(names))


def _last_words(run: subprocess.CompletedProcess[str]) -> str:
    return "\n".join((run.stderr or run.stdout).strip().splitlines()[-5:])


def _unpack(archives: Sequence[Path], folder: Path) -> None:
    def extract(archive: Path) -> None:
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)  # noqa: S607

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(extract, archives))


def _put(attempt: Path, folder: Path) -> None:
    """Makes the finished folder visible at once; whoever was faster wins."""
    if folder.exists() and not (folder / MARK).exists():
        shutil.rmtree(folder)
    try:
        attempt.rename(folder)
    except OSError:
        if not (folder / MARK).exists():
            raise

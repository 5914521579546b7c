"""Sets up the environment in .lapor/ and becomes the command line in it. Standard library only.

uv is fetched from the package index that pip is configured for (PyPI if none is) and checked
against the hashes below; it then installs requirements.lock, whose every file is checked too. A
second run finds nothing to do.
"""

import configparser
import fcntl
import hashlib
import html.parser
import os
import platform
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATE = Path(os.environ.get("LAPOR_STATE", ROOT / ".lapor"))
VENV = STATE / "venv"
LOCK = ROOT / "requirements.lock"
PYPI = "https://pypi.org/simple"

UV = "0.13.9"
UV_WHEELS = {
    "x86_64": (
        f"uv-{UV}-py3-none-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19",
    ),
    "aarch64": (
        f"uv-{UV}-py3-none-manylinux_2_28_aarch64.whl",
        "ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375",
    ),
}


class Stuck(Exception):
    """Set-up cannot go on; the text says what a person can do."""


def main(arguments: list[str]) -> None:
    try:
        STATE.mkdir(exist_ok=True, mode=0o711)
        with (STATE / "setup.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            set_up()
    except PermissionError as error:
        sys.exit(f"lapor: {error.filename} belongs to somebody else; remove {STATE} as its owner")
    except Stuck as error:
        sys.exit(f"lapor: {error}")
    os.chdir(ROOT)
    os.environ.pop("PYTHONPATH", None)
    os.environ.pop("PYTHONHOME", None)
    os.environ.setdefault("PYTHONPYCACHEPREFIX", str(STATE / "cache" / "bytecode"))
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # there it is in nobody's way
    python = str(VENV / "bin" / "python")
    os.execv(python, [python, "-m", "deploy.local", *arguments])  # noqa: S606


def set_up() -> None:
    """Brings the environment to what the lock file says, unless it is that already."""
    mark = VENV / ".set-up-for"
    python = f"{sys.executable} {sys.version_info[:2]}\n"  # its mendings need no new environment
    packages = LOCK.read_bytes() + sys.version.encode() + UV.encode()
    wanted = python + hashlib.sha256(packages).hexdigest()
    known = mark.read_text() if mark.exists() and (VENV / "bin" / "python").exists() else ""
    if known == wanted:
        return
    uv = uv_path()
    if not uv.exists():
        fetch_uv(uv)
    environment = uv_environment()
    if not known.startswith(python):
        shutil.rmtree(VENV, ignore_errors=True)
        run("making the environment", [uv, "venv", "--python", sys.executable, VENV], environment)
    run(
        "installing what requirements.lock names",
        [uv, "pip", "sync", "--require-hashes", "--python", VENV / "bin" / "python", LOCK],
        environment,
    )
    mark.write_text(wanted)


def cache() -> Path:
    """Downloads may be shared between checkouts; by default they stay in this one."""
    return Path(os.environ.get("LAPOR_CACHE", STATE / "cache"))


def uv_path() -> Path:
    return cache() / f"uv-{UV}-{platform.machine()}" / "uv"


def uv_environment() -> dict[str, str]:
    """uv's settings: pip's index and certificates, and a cache inside our own folder."""
    told = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    told |= {"UV_NO_CONFIG": "1", "UV_PYTHON_DOWNLOADS": "never"}
    told.setdefault("UV_CACHE_DIR", str(cache() / "uv"))
    if "UV_DEFAULT_INDEX" not in told and "UV_INDEX_URL" not in told:
        told["UV_DEFAULT_INDEX"] = index()
    if certificates():
        told.setdefault("SSL_CERT_FILE", certificates())
    return told


def run(what: str, command: list[object], environment: dict[str, str] | None = None) -> None:
    """Runs a program while a line tells how long it takes; Stuck with its last words."""
    started, live = time.monotonic(), sys.stderr.isatty()
    with tempfile.TemporaryFile("w+", dir=STATE) as output:
        program = subprocess.Popen(
            [str(word) for word in command], stdout=output, stderr=output, env=environment
        )
        say(f"{what} ...", end="" if live else "\n")
        while program.poll() is None:
            time.sleep(0.2)
            if live:
                say(f"\r  {what} ... {time.monotonic() - started:.0f} s", end="")
        if program.returncode:
            output.seek(0)
            words = "".join(output.readlines()[-12:])
            raise Stuck(f"{what} failed:\n{words}\nIs the package index reachable from here?")
    say(f"{chr(13) if live else ''}  {what}: {time.monotonic() - started:.0f} s")


def say(text: str, end: str = "\n") -> None:
    sys.stderr.write(("" if text.startswith("\r") else "  ") + text.removeprefix("  ") + end)
    sys.stderr.flush()


def fetch_uv(target: Path) -> None:
    """Puts uv's program at `target`, its wheel checked against the hash above."""
    try:
        name, digest = UV_WHEELS[platform.machine()]
    except KeyError:
        raise Stuck(f"no uv is pinned for {platform.machine()}; use Docker instead") from None
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        wheel = Path(folder) / name
        if find_spec("pip"):
            with_pip(wheel, digest)
        else:
            by_hand(wheel)
        if hashlib.sha256(wheel.read_bytes()).hexdigest() != digest:
            raise Stuck(f"{name} is not the file that was pinned; nothing of it was run")
        with zipfile.ZipFile(wheel) as archive:
            member = f"uv-{UV}.data/scripts/uv"
            fresh = Path(archive.extract(member, folder))
        fresh.chmod(0o755)
        fresh.rename(target)


def with_pip(wheel: Path, digest: str) -> None:
    """Lets pip fetch it, which knows this machine's index, proxies and certificates."""
    wanted = wheel.with_name("uv.txt")
    wanted.write_text(f"uv=={UV} --hash=sha256:{digest}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-cache-dir",
           "--disable-pip-version-check", "--only-binary", ":all:", "--require-hashes",
           "--dest", wheel.parent, "--requirement", wanted]  # fmt: skip
    run(f"fetching uv {UV}", pip)


def by_hand(wheel: Path) -> None:
    """Fetches it through the index's simple page."""
    started = time.monotonic()
    context = ssl.create_default_context(cafile=certificates() or None)
    page = f"{index().rstrip('/')}/uv/"
    try:
        links = _Links()
        with urllib.request.urlopen(page, timeout=60, context=context) as answer:  # noqa: S310
            links.feed(answer.read().decode())
        found = next(link for link in links.found if wheel.name in urllib.parse.unquote(link))
        address = urllib.parse.urljoin(page, found)
        with urllib.request.urlopen(address, timeout=60, context=context) as answer:  # noqa: S310
            wheel.write_bytes(answer.read())
    except StopIteration:
        raise Stuck(f"the package index has no {wheel.name}") from None
    except (OSError, urllib.error.URLError) as error:
        raise Stuck(
            f"uv cannot be fetched from the package index: {error}\n"
            "If this machine reaches an index of its own only, name it in PIP_INDEX_URL, and its\n"
            "certificate authority in PIP_CERT; behind a proxy, set HTTPS_PROXY."
        ) from None
    say(f"fetching uv {UV}: {time.monotonic() - started:.0f} s")


class _Links(html.parser.HTMLParser):
    """Collects where a page's links lead."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value]


def index() -> str:
    """The package index that pip is told to use here."""
    return os.environ.get("PIP_INDEX_URL") or _pip_setting("index-url") or PYPI


def certificates() -> str:
    """The file of certificate authorities that pip is told to trust; empty for the system's."""
    given = os.environ.get("PIP_CERT") or os.environ.get("SSL_CERT_FILE")
    return given or _pip_setting("cert")


def _pip_setting(name: str) -> str:
    """A setting from pip's configuration files; the nearest to the user wins."""
    home = Path.home()
    config = Path(os.environ.get("XDG_CONFIG_HOME", home / ".config"))
    files = [
        Path("/etc/pip.conf"),
        Path("/etc/xdg/pip/pip.conf"),
        home / ".pip" / "pip.conf",
        config / "pip" / "pip.conf",
        Path(os.environ.get("PIP_CONFIG_FILE", "/dev/null")),
    ]
    parser = configparser.RawConfigParser()
    try:
        parser.read(files)
    except configparser.Error:
        return ""
    return parser.get("global", name, fallback="")


if __name__ == "__main__":
    main(sys.argv[1:])

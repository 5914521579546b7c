"""What somebody who adds a service writes: `tally`, which counts the cases that were opened.

The folder is a copy of notify's, whose shell is the smallest, with its own meaning in place of
notify's. `FILLED` holds what each place of `tests/contract/places.py` then needs.
"""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

from tests.contract.places import ROOT

NAME = "tally"
SHELL = ("__init__.py", "__main__.py", "api.py", "migrations/env.py")
MEANING = {
    "config.py": '''"""Tally's configuration: only what every service has."""

from __future__ import annotations

from dataclasses import dataclass

from chassis import config


@dataclass(frozen=True, kw_only=True, repr=False)
class Settings(config.Settings):
    """The common ones."""
''',
    "events.py": '"""Tally says nothing; it only hears."""\n',
    "schemas.py": '''"""What tally reads of other services' events."""

from marshmallow import fields

from chassis.schemas import Tolerant


class Opened(Tolerant):
    """`case.opened.v1`"""

    kind = fields.String(required=True)
''',
    "models.py": '''"""A row for each case that was opened."""

from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Tally's tables."""


class Counted(Base):
    """A case, counted once."""

    __tablename__ = "counted"

    number: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
''',
    "migrations/versions/0001_counted.py": '''"""The cases that were counted."""

from alembic import op

from chassis import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes tally's table and the chassis'."""
    tables.install(op)
    op.execute(tables.V2)
    op.execute("CREATE TABLE counted (number text PRIMARY KEY, kind text NOT NULL)")
''',
    "service.py": '''"""The worker: counts cases as they are opened."""

from __future__ import annotations

from sqlalchemy.orm import Session

from chassis.events import Event
from chassis.service import Service, subscribe
from services.tally import models, schemas


class Tally(Service):
    """Knows how many cases were opened, of which kind."""

    name = "tally"

    @subscribe("case.opened.v1")
    def count_case(self, event: Event, tx: Session) -> None:
        """One more."""
        tx.add(models.Counted(number=event.subject, **schemas.Opened().load(event.data)))
''',
}


def copy_project(to: Path) -> Path:
    """The project as it is here, but for what running and versioning it made."""
    left = shutil.ignore_patterns(".lapor", ".git", "__pycache__")
    return Path(shutil.copytree(ROOT, to, ignore=left))


def add_folder(root: Path) -> None:
    """The service itself, and nothing that names it."""
    folder, model = root / "services" / NAME, root / "services" / "notify"
    for name in SHELL:
        text = (model / name).read_text()
        write(folder / name, text.replace("notify", NAME).replace("Notify", NAME.title()))
    for name, text in MEANING.items():
        write(folder / name, text)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def after(file: str, *pairs: tuple[str, str]) -> Callable[[Path], None]:
    """Inserts text behind another that stands in a file exactly once."""

    def edit(root: Path) -> None:
        text = (root / file).read_text()
        for there, more in pairs:
            assert text.count(there) == 1, f"{file} has {there!r} {text.count(there)} times"
            text = text.replace(there, there + more)
        (root / file).write_text(text)

    return edit


def both(*edits: Callable[[Path], None]) -> Callable[[Path], None]:
    def edit(root: Path) -> None:
        for one in edits:
            one(root)

    return edit


def describe(root: Path) -> None:
    """What `./lapor openapi` writes of a service that answers nothing: as notify's."""
    model = (root / "contracts/openapi/notify.json").read_text()
    write(root / f"contracts/openapi/{NAME}.json", model.replace("notify", NAME))


def hear(root: Path) -> None:
    """The streams table of the architecture: one more listener."""
    file = root / "docs/architecture.md"
    listeners = re.compile(r"^(\| `/routing/cases` \| .+ \| .+) \|$", re.M)
    file.write_text(listeners.sub(rf"\1, {NAME} |", file.read_text()))


CONTAINERS = """
  tally-api:
    <<: *process
    scale: ${TALLY_APIS:-1}
    command: [python, -m, services.tally, api]
    environment: {<<: *environment, HTTP_PORT: "8000"}
    networks: [edge, database]
    volumes: ["secrets-tally:/run/secrets:ro"]
    depends_on: {migrate-tally: {condition: service_completed_successfully}}
  tally-worker:
    <<: *process
    scale: ${TALLY_WORKERS:-1}
    command: [python, -m, services.tally, worker]
    environment: {<<: *environment, AMQP_URI_FILE: /run/secrets/amqp-uri}
    networks: [database, broker]
    volumes: ["secrets-tally-worker:/run/secrets:ro"]
    depends_on:
      migrate-tally: {condition: service_completed_successfully}
      rabbitmq: {condition: service_healthy}
  migrate-tally:
    <<: *job
    command: [python, -m, services.tally, migrate]
    environment: *environment
    networks: [database]
    volumes: ["secrets-tally-owner:/run/secrets:ro"]
    depends_on: {databases: {condition: service_completed_successfully}}
"""
RECEIVES = """
  tallyReceivesCases:
    action: receive
    channel: {$ref: '#/channels/cases'}
    x-queue: tally.cases
    tags: [{name: tally}]
    bindings: {$ref: '#/components/operationBindings/receive'}"""
TEST = '"""The newcomer\'s own tests."""\n\n\ndef test_it_counts() -> None:\n    pass\n'
LAST = (
    '\n  {"targets": ["escalation-worker:9000"],'
    ' "labels": {"service": "escalation", "kind": "worker"}},'
)
DEFINITIONS, COMPOSE = "deploy/rabbitmq/definitions.py", "docker-compose.yml"

FILLED: dict[str, Callable[[Path], None]] = {
    f"{DEFINITIONS}, SERVICES": after(
        DEFINITIONS, ('SERVICES = ("intake", "routing", "notify", "escalation"', f', "{NAME}"')
    ),
    f"{DEFINITIONS}, HEARS": after(
        DEFINITIONS,
        (
            '"/routing/trail", "/notify/messages",\n    ),',
            f'\n    "{NAME}": ("/routing/cases",),',
        ),
    ),
    "deploy/local/environment.py, SECRET_FILES": after(
        "deploy/local/environment.py",
        (
            '    "routing": {"STAFF_TOKEN_KEY_FILE": "staff-token-key.json"},\n',
            f'    "{NAME}": {{}},\n',
        ),
    ),
    f"{COMPOSE}, api, worker and migration": after(
        COMPOSE,
        (
            '["secrets-escalation-worker:/run/secrets:ro"]\n    depends_on:\n'
            "      seed-escalation: {condition: service_completed_successfully}\n"
            "      rabbitmq: {condition: service_healthy}\n",
            CONTAINERS,
        ),
    ),
    f"{COMPOSE}, volumes of secrets": after(
        COMPOSE,
        (
            "      - secrets-escalation-worker:/handed/escalation-worker\n",
            f"      - secrets-{NAME}:/handed/{NAME}\n"
            f"      - secrets-{NAME}-worker:/handed/{NAME}-worker\n"
            f"      - secrets-{NAME}-owner:/handed/{NAME}-owner\n",
        ),
        (
            "\n  secrets-escalation:\n  secrets-escalation-worker:\n",
            f"  secrets-{NAME}:\n  secrets-{NAME}-worker:\n  secrets-{NAME}-owner:\n",
        ),
    ),
    f"{COMPOSE}, what the gateway waits for": after(
        COMPOSE,
        (
            "      escalation-api: {condition: service_healthy}\n",
            f"      {NAME}-api: {{condition: service_healthy}}\n",
        ),
    ),
    "deploy/compose/demo.yml": after(
        "deploy/compose/demo.yml",
        ("  escalation-worker: *moved\n", f"  {NAME}-api: *moved\n  {NAME}-worker: *moved\n"),
    ),
    "deploy/compose/check": after(
        "deploy/compose/check", ("services='intake routing notify escalation", f" {NAME}")
    ),
    "deploy/compose/prometheus.yml": after(
        "deploy/compose/prometheus.yml",
        (
            "          - escalation-worker\n",
            f"          - {NAME}-api\n          - {NAME}-worker\n",
        ),
    ),
    "deploy/prometheus/targets.json": after(
        "deploy/prometheus/targets.json",
        (LAST, "".join(LAST.replace("escalation", NAME).replace("worker", kind)
                       for kind in ("api", "worker"))),
    ),
    "deploy/prometheus/rules.yml, ProcessMissing": after(
        "deploy/prometheus/rules.yml",
        (
            'absent(up{service="escalation", kind="worker"})',
            "".join(f'\n          or absent(up{{service="{NAME}", kind="{kind}"}})'
                    for kind in ("api", "worker")),
        ),
    ),
    "pyproject.toml, import rules": after(
        "pyproject.toml", ('"services.notify", "services.escalation"', f', "services.{NAME}"')
    ),
    "contracts/openapi": describe,
    "contracts/asyncapi.yaml": after(
        "contracts/asyncapi.yaml",
        (
            "    x-queue: escalation.cases\n    tags: [{name: escalation}]\n"
            "    bindings: {$ref: '#/components/operationBindings/receive'}",
            RECEIVES,
        ),
    ),
    "docs/architecture.md, who holds what": both(
        after(
            "docs/architecture.md",
            (
                "| what was reported or answered; who the reporter is |\n",
                f"| {NAME} | how many cases there were, of which kind | anything else |\n",
            ),
        ),
        hear,
    ),
    "tests/service": lambda root: write(root / f"tests/service/{NAME}/test_counting.py", TEST),
}  # fmt: skip


def answer_something(root: Path) -> None:
    """The newcomer's interface, as if it had one address."""
    file = root / "contracts/openapi" / f"{NAME}.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"paths": {"/v1/tally": {}}}))

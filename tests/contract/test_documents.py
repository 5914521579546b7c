"""What documents list is what the contracts list, and their links lead somewhere."""

from __future__ import annotations

import re
from itertools import chain
from pathlib import Path

import pytest

import contracts
from deploy.rabbitmq.definitions import HEARS
from tests.contract.walk import properties

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#]+)")


def listed(path: str) -> set[str]:
    """Every value that contracts list for a property, over all types."""
    every = chain.from_iterable(properties(contracts.schema(type)) for type in contracts.TYPES)
    values = (schema["enum"] for at, schema in every if at == path and "enum" in schema)
    return {value for value in chain.from_iterable(values) if value is not None}


def rows(document: str, pattern: str) -> list[tuple[str, ...]]:
    """What a pattern finds in a document's lines."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(pattern, text, flags=re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_link_leads_somewhere(document: Path) -> None:
    links = LINK.findall(document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_runbook_names_addresses_as_the_gateway_answers_them() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")

    assert "/api/v1/limits" in runbook
    assert re.findall(r"(?<!/api)/v1/\w+", runbook) == []


def test_what_reads_standard_input_in_a_container_is_given_it() -> None:
    """Without `-T` a terminal is asked for, and what was piped comes to nobody."""
    book = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    text = " ".join(book.replace("```sh", "`").replace("```", "`").split())
    pieces = re.findall(r"`([^`]+)`", text)
    fed = re.compile(
        r"\w \| docker compose|python -m services\.notify (?:post set|bounced)|[^<]< \S"
    )
    said = [p for p in pieces if fed.search(p) and "python -m" in p]

    assert len(said) >= 5
    assert [p for p in said if not re.search(r"(?:exec|run)\b[^|<]* -T ", p)] == []


def test_the_database_is_spoken_to_over_tcp_for_it_listens_nowhere_else() -> None:
    settings = (ROOT / "deploy/postgres/postgresql.conf").read_text(encoding="utf-8")
    runbook = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
    spoken = re.findall(r"^ *(?:psql|pg_\w+) --.*$", runbook, re.MULTILINE)

    assert "unix_socket_directories = ''" in settings
    assert len(spoken) >= 7
    assert [line for line in spoken if "--host=127.0.0.1" not in line] == []


def test_the_runbook_restarts_who_reads_the_mail_servers_password_at_its_start_only() -> None:
    [bullet] = rows("docs/runbook.md", r"^- The mail server's password:((?:.*\n)+?)(?=^$|^- )")

    assert "`docker compose restart notify-worker`" in bullet


def test_the_glossary_has_every_status() -> None:
    assert {row[0] for row in rows("docs/glossary.md", r"^\| `(\w+)` \| (.+)")} == listed("/status")


def test_the_glossary_has_every_clock() -> None:
    assert {row[0] for row in rows("docs/glossary.md", r"^\| ([A-Z]) (.+)")} == listed("/clock")


def test_the_architecture_has_every_stream_and_its_listeners() -> None:
    told = rows("docs/architecture.md", r"^\| `(/\w+/\w+)` \| .* \| ([\w, ]+) \|$")

    assert {(s, frozenset(who.split(", "))) for s, who in told} == {
        (source, frozenset(service for service in HEARS if source in HEARS[service]))
        for source in contracts.sources()
    }


def test_decisions_are_numbered_dated_and_have_a_status() -> None:
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    numbers = [int(decision.name[:4]) for decision in decisions]

    assert sorted(set(numbers)) == numbers
    for number, decision in zip(numbers, decisions, strict=True):
        text = decision.read_text(encoding="utf-8")
        assert decision.name.startswith(f"{number:04}-")
        assert text.startswith(f"# {number}. ")
        assert re.search(r"^Status: (accepted|superseded by \d+), \d{4}-\d\d-\d\d$", text, re.M)


def test_the_readme_tells_the_speeds_that_were_measured_last() -> None:
    readme = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    told = re.search(r"after (\d+) ms and .* after (\d+) ms; (\d+) reports a second", readme)
    at_100 = r"^\| 100 \| \d+ \| (\d+) ms \| \d+ ms \| (\d+) ms"
    [(routed, mailed)] = rows("docs/speed.md", at_100)
    [heap] = rows("docs/speed.md", r"^A heap of .* at (\d+) a second")

    assert told is not None
    assert told.groups() == (routed, mailed, heap)

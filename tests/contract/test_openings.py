"""Source that could tell who somebody is fails here, one planted mistake for each way out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from chassis.logs import KEYS
from tests.contract import openings
from tests.contract.openings import KNOWN, ROOT

# file, what stands there, what is planted instead, what must be said of it
PLANTED = {
    "log key": ("services/notify/outgoing.py", 'log.error("contact_unreadable",',
                'log.error("contact_unreadable", email=1,', "log: email"),
    "log value": ("services/notify/outgoing.py", 'log.error("contact_unreadable",',
                  'log.error("contact_unreadable", reason=reach.email,', "log: email"),
    "log item": ("services/intake/submission.py", "        number = domain.number",
                 '        log.info("x", reason=body["contact"])\n        number = domain.number',
                 "log: contact"),
    "log text": ("chassis/relay.py", "rows = connection", 'log.info(f"{x}")\n        rows = '
                 "connection", "log: free text"),
    "log whole": ("chassis/inbox.py", "size=len(body))", "reason=body)", "log: body"),
    "label": ("services/notify/metrics.py", '["about", "outcome"]', '["about", "email"]',
              "measure: email"),
    "label value": ("services/notify/ledger.py", "ATTEMPTS.labels(outcome.attempt",
                    "ATTEMPTS.labels(reach.email", "measure: email"),
    "column": ("services/intake/models.py", "    title: Mapped[str]",
               "    nik: Mapped[str]\n    title: Mapped[str]", "column: nik"),
    "path": ("services/intake/api.py", '"/v1/reports/track"', '"/v1/reports/{code}/{email}"',
             "address: email"),
    "query": ("services/routing/schemas.py", "    status = Word(Status, load_default=None)",
              "    phone = fields.String()", "address: phone"),
    "error value": ("services/intake/domain.py", 'Invalid("there is no such code"',
                    "Invalid(f\"no {body['contact']}\"", "error: contact"),
    "error of an error": ("services/notify/sealing.py", "raise Poison(why)",
                          "raise Poison(str(error))", "error: str(error)"),
    "exception text": ("services/notify/contacts.py", 'Poison("the sealed contact is not a JSON',
                       'Poison(f"{contact!r} is not a JSON', "error: contact"),
}  # fmt: skip


def test_the_source_gives_nobody_away() -> None:
    assert list(openings.findings()) == []


def test_every_exception_is_needed_and_has_a_reason() -> None:
    assert openings.unused() == set()
    assert all(len(reason) > 5 for reason in KNOWN.values())


def test_what_may_stand_in_a_log_points_at_nobody() -> None:
    assert {key for key in KEYS if openings.is_denied(key)} == {"name"}


@pytest.mark.parametrize("planted", list(PLANTED))
def test_a_planted_mistake_is_caught(planted: str, tmp_path: Path) -> None:
    name, old, new, expected = PLANTED[planted]
    for folder in ("chassis", "services"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("*.pyc"))
    source = (tmp_path / name).read_text(encoding="utf-8")
    assert old in source, "the mistake has no place any more"
    (tmp_path / name).write_text(source.replace(old, new, 1), encoding="utf-8")

    found = list(openings.findings(tmp_path))

    assert len(found) >= 1
    assert any(one.startswith(f"{name}:") and expected in one for one in found), found

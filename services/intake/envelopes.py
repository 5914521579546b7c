"""What is sealed for the Ombudsman with a consent: who the reporter is, and what was written.

Each envelope is a JSON object whose `part` says which it is. Nothing of it is written down, said or
logged in clear; what is sealed is said in the same transaction.

- `identity`: `form`, as the reporter sent it
- `report`: `title`, `text`, `event_date`, `district`, `place`, `agency`, `category`, `written_at`
- `addition`: the reporter's `text`, what it was `about`, and `written_at`
- `reply`: an officer's `text`, what it was `about`, `reply_id`, `written_at`, and the `title` and
  `sha256` of what was named as `evidence`
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chassis.events import Fact
from services.intake import events
from services.intake.domain import Action
from services.intake.models import Reply, Report, TimelineEntry
from services.intake.sealing import Sealer

IDENTITY_BLOCK = 16384  # bytes: one size for every form that the schema takes
UNSAID = f"reporter.{Action.WITHDRAW}"  # why a report was taken back is not for a dossier


@dataclass(frozen=True)
class Sealed:
    """An envelope: the JWE, the key that it is sealed to, and its SHA-256."""

    sealed: str
    key_id: str
    sha256: str


class Envelopes:
    """Seals to the Ombudsman's newest public key."""

    def __init__(self, document: bytes) -> None:
        self._sealer = Sealer(document)

    def identity(self, number: str, form: Mapping[str, Any]) -> Sealed:
        """Who the reporter is and what they ask for."""
        told = {"part": "identity", "form": {name: _plain(v) for name, v in form.items()}}
        return self._seal(told, number, IDENTITY_BLOCK)

    def all_words(self, tx: Session, report: Report, at: datetime) -> Iterator[Fact]:
        """All that was written so far, the report first."""
        yield self.report(report, at)
        mine = sa.select(TimelineEntry).where(*_said_by_reporter(report.number))
        for entry in tx.scalars(mine.order_by(TimelineEntry.at, TimelineEntry.id)):
            yield self.addition(entry, at)
        replies = sa.select(Reply).where(Reply.number == report.number)
        for reply in tx.scalars(replies.order_by(Reply.at)):
            yield self.reply(reply, at)

    def report(self, report: Report, at: datetime) -> Fact:
        """The report as it was submitted."""
        said = ("title", "text", "district", "place", "agency", "category")
        told = {name: getattr(report, name) for name in said}
        told["event_date"] = report.event_date.isoformat()
        return self._fact("report", report.number, told, report.received_at, at)

    def addition(self, entry: TimelineEntry, at: datetime) -> Fact:
        """What the reporter wrote later."""
        told = {"about": entry.what.removeprefix("reporter."), "text": entry.text}
        return self._fact("addition", entry.number, told, entry.at, at)

    def reply(self, reply: Reply, at: datetime) -> Fact:
        """What an officer wrote to the reporter."""
        told = {"about": reply.about, "reply_id": reply.reply_id, "text": reply.text}
        told["evidence"] = reply.evidence
        return self._fact("reply", reply.number, told, reply.at, at)

    def _fact(
        self, part: str, number: str, told: dict[str, Any], written_at: datetime, at: datetime
    ) -> Fact:
        envelope = {"part": part, "written_at": events.instant(written_at)} | told
        return events.words_sealed(number, part, written_at, self._seal(envelope, number), at)

    def _seal(self, told: Mapping[str, Any], number: str, *block: int) -> Sealed:
        sealed = self._sealer.seal(told, number, *block)
        return Sealed(sealed, self._sealer.key_id, hashlib.sha256(sealed.encode()).hexdigest())


def takes_words(report: Report) -> bool:
    """Whether what is written now is sealed for a dossier that is not made yet."""
    return report.consent_form and report.handed_over_at is None


def when_sealed(report: Report, now: datetime) -> datetime:
    """The moment of words that are sealed as they come: not before the consent that they belong to,
    also if a clock was set back meanwhile."""
    return max(now, report.consented_at or now)


def own_words(tx: Session, number: str) -> int:
    """How many envelopes what the reporter wrote makes: the report, and each addition."""
    asked = sa.select(sa.func.count(TimelineEntry.id)).where(*_said_by_reporter(number))
    return 1 + tx.execute(asked).scalar_one()


def _said_by_reporter(number: str) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        TimelineEntry.number == number,
        TimelineEntry.text.is_not(None),
        TimelineEntry.what != UNSAID,
    )


def _plain(value: Any) -> Any:
    """A form's value as JSON has it."""
    if isinstance(value, Mapping):
        return {name: _plain(below) for name, below in value.items()}
    return value.isoformat() if hasattr(value, "isoformat") else value

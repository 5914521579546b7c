"""Who is reached at a post: its holder, a deputy, or who stands above when nobody is there.

Pure. A post that is vacant or whose holder is away stops nothing: what was meant for it goes one
up, at that moment, as far as it must. The upper end always hears. A deputy is reminded of what is
still to be done; a limit that passed goes above a deputised post too: whoever acts for a while
cannot be the last to hear of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from services.escalation.domain import Addressee


class Standing(StrEnum):
    """Whether somebody is at a post."""

    HELD = "held"
    DEPUTISED = "deputised"  # somebody acts for the holder, and reads what comes to the post
    ABSENT = "absent"  # and nobody acts
    VACANT = "vacant"


ABOVE: Mapping[Addressee, Addressee] = {
    Addressee.HEAD_OF_AGENCY: Addressee.SEKDA,
    Addressee.HEAD_OF_COORDINATOR: Addressee.SEKDA,
    Addressee.INSPECTORATE: Addressee.BUPATI,
    Addressee.SEKDA: Addressee.BUPATI,
}
OF_AGENCIES = frozenset({Addressee.HOLDER, Addressee.HEAD_OF_AGENCY})  # one in each agency
EMPTY = frozenset({Standing.ABSENT, Standing.VACANT})
NOT_HELD = EMPTY | {Standing.DEPUTISED}


@dataclass(frozen=True, slots=True)
class Staffing:
    """What was decreed about a post: how it stands from a day on, until a day (included)."""

    id: int
    post: str
    agency: str | None
    standing: str
    effective_from: date
    effective_until: date | None


@dataclass(frozen=True, slots=True)
class Reached:
    """Who was reached; `because` is how the post stood that was meant, if it was not simply held
    (the one that was meant is the same when a deputy is reminded, or when nobody stands above)."""

    to: Addressee
    because: Standing | None = None


def reach(
    staffing: Iterable[Staffing],
    meant: str,
    agency: str | None,
    on: date,
    passed_by: frozenset[Standing] = EMPTY,
) -> Reached:
    """Who is reached when a post is meant, for a case that an agency has or nobody yet; posts that
    stand so (`passed_by`) send it one up."""
    known = list(staffing)
    chain = list(_upwards(Addressee(meant), agency))
    at_first = standing(known, chain[0], agency, on)
    because = None if at_first is Standing.HELD else at_first
    somebody = [post for post in chain if standing(known, post, agency, on) not in EMPTY]
    for post in somebody:
        if standing(known, post, agency, on) not in passed_by:
            return Reached(post, because)
    return Reached((somebody or chain)[-1], because)  # a deputy rather than nobody


def standing(
    staffing: Iterable[Staffing], post: Addressee, agency: str | None, on: date
) -> Standing:
    """How a post stands on a day: by the last word about it, and held if there is none."""
    where = agency if post in OF_AGENCIES else None
    said = [
        row
        for row in staffing
        if (row.post, row.agency) == (post, where)
        and row.effective_from <= on
        and (row.effective_until is None or on <= row.effective_until)
    ]
    return Standing(max(said, key=lambda row: row.id).standing) if said else Standing.HELD


def _upwards(post: Addressee, agency: str | None) -> Iterator[Addressee]:
    """The post and those above it. While no agency has a case, it is the coordinator's."""
    if post is Addressee.HOLDER:
        yield post
        post = Addressee.HEAD_OF_AGENCY
    if post is Addressee.HEAD_OF_AGENCY and agency is None:
        post = Addressee.HEAD_OF_COORDINATOR
    yield post
    while above := ABOVE.get(post):
        post = above
        yield post

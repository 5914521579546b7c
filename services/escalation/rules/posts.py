"""Who is reached at a post: its holder, a deputy, or who stands above when nobody is there, or
when the case complains about its office, or is late there.

Pure. A post that is vacant or whose holder is away stops nothing: what was meant for it goes one
up, at that moment, as far as it must. The upper end always hears. A deputy is reminded of what is
still to be done; a limit that passed goes above a deputised post too: whoever acts for a while
cannot be the last to hear of it. Nor is a limit that passed brought to whoever let it pass, where
the ladder means somebody above them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from enum import StrEnum

from services.escalation.domain import Addressee, Desk


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
HEADS: Mapping[Desk, Addressee] = {
    Desk.COORDINATOR: Addressee.HEAD_OF_COORDINATOR,
    Desk.ARBITER: Addressee.SEKDA,  # the arbiter is the Sekda, and the supervisor the inspectorate
    Desk.SUPERVISOR: Addressee.INSPECTORATE,
}
SUPERIORS: Mapping[Addressee, Addressee] = {  # of whom the ladder names, when they are late
    Addressee.INSPECTORATE: Addressee.SEKDA,  # in whose stead it hears of supervisory complaints
    Addressee.SEKDA: Addressee.BUPATI,
}
COMPLAINED_ABOUT, LATE_ITSELF = "complained_about", "late_itself"
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
class Desks:
    """Which desk decides about a case while no agency has it, and which must hear nothing of it;
    `seats`: which desk sits in which agency."""

    decider: Desk = Desk.COORDINATOR
    complained_about: frozenset[Desk] = frozenset()
    seats: Mapping[str, Desk] = field(default_factory=dict)

    def head(self, agency: str | None) -> Addressee | None:
        """The post of who heads the unit that an agency, or else the deciding desk, is; None for an
        agency in which no desk sits."""
        desk = self.decider if agency is None else self.seats.get(agency)
        return None if desk is None else HEADS[desk]


USUAL = Desks()


@dataclass(frozen=True, slots=True)
class Reached:
    """Who was reached; `because` is how the post stood that was meant, if it was not simply held
    (the one that was meant is the same when a deputy is reminded, or when nobody stands above), or
    that the case complains about its office, or is late there."""

    to: Addressee
    because: str | None = None


def reach(
    staffing: Iterable[Staffing],
    meant: str,
    agency: str | None,
    on: date,
    passed_by: frozenset[Standing] = EMPTY,
    desks: Desks = USUAL,
    late: Addressee | None = None,
) -> Reached:
    """Who is reached when a post is meant, for a case that an agency has or nobody yet; posts that
    stand so (`passed_by`) send it one up. One whose office the case complains about always does,
    whoever is missing above: the Bupati, above all desks, is none of theirs. Where the one that is
    meant heads the unit that let the limit pass (`late`), who stands above that unit is reached."""
    known = list(staffing)
    chain = list(_upwards(Addressee(meant), agency, desks.decider))
    hearing = [post for post in chain if not _is_complained_about(post, agency, desks)]
    at_first = standing(known, chain[0], agency, on)
    because = None if at_first is Standing.HELD else at_first.value
    because = because if chain[0] in hearing else COMPLAINED_ABOUT
    if late == meant and (superior := SUPERIORS.get(late)):
        because = because if because == COMPLAINED_ABOUT else LATE_ITSELF
        return replace(reach(known, superior, agency, on, passed_by, desks), because=because)
    somebody = [post for post in hearing if standing(known, post, agency, on) not in EMPTY]
    for post in somebody:
        if standing(known, post, agency, on) not in passed_by:
            return Reached(post, because)
    return Reached((somebody or hearing)[-1], because)  # a deputy rather than nobody


def _is_complained_about(post: Addressee, agency: str | None, desks: Desks) -> bool:
    """Whether what comes to the post comes to a desk that must not hear of the case."""
    if post is Addressee.HOLDER:
        return agency is None and Desk.COORDINATOR in desks.complained_about
    return post in {HEADS[desk] for desk in desks.complained_about}


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


def _upwards(post: Addressee, agency: str | None, decider: Desk) -> Iterator[Addressee]:
    """The post and those above it. While no agency has a case, its holder is the desk that decides;
    only the coordinator's has a post of its own below its head."""
    if post is Addressee.HOLDER and (agency is not None or decider is Desk.COORDINATOR):
        yield post
    if post in OF_AGENCIES:
        post = HEADS[decider] if agency is None else Addressee.HEAD_OF_AGENCY
    yield post
    while above := ABOVE.get(post):
        post = above
        yield post

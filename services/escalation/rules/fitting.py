"""What a new limit or rung makes of those in force: whether it holds for any case at all, and in
which order a limit would be brought to whom.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date

from chassis.errors import FieldError
from services.escalation.domain import LEVELS, Rule, Rung, limit_for, rungs_for
from services.escalation.rules.rulebook import CLASSES, COMPLAINT, KINDS
from services.escalation.watch.clockwork import Clock

# These begin with a disposition, and no complaint is disposed before it has its class. The others
# run before that too, or for one that follows another case and never gets a class.
CLASSED = frozenset({Clock.FOLLOW_UP, Clock.SETTLE, Clock.ARBITER})

Sort = tuple[str, str | None]  # a case's kind and class


def sorts(rule: Rule) -> Iterator[Sort]:
    """Every sort of case that a limit speaks of and that its clock can run for."""
    for kind in KINDS:
        unclassed = kind != COMPLAINT or rule.clock not in CLASSED
        for klass in (*CLASSES, None) if kind == COMPLAINT else (None,):
            if (klass or unclassed) and rule.kind in (None, kind) and rule.klass in (None, klass):
                yield kind, klass


def instead_of(rules: Iterable[Rule], rule: Rule, on: date) -> list[Rule]:
    """The limits that hold on a day for each sort of case that a limit (one of `rules`) speaks of,
    if it holds for none; else nothing. Rows are only added, so it never will from then on, for
    what is narrower stays so."""
    known = list(rules)
    found = [limit_for(known, rule.clock, kind, klass, on) for kind, klass in sorts(rule)]
    return [] if rule in found else list(dict.fromkeys(found))


def overridden(rules: Iterable[Rule], today: date) -> set[int]:
    """Of the limits' rows those that hold for no case: today, or on the day from which they do."""
    known = list(rules)
    return {rule.id for rule in known if instead_of(known, rule, max(today, rule.effective_from))}


def wrong_among_limits(rules: Sequence[Rule]) -> list[FieldError]:
    """Of the last, which is new: one that would hold for no case is refused, for who decrees it
    would believe that it does."""
    new = rules[-1]
    if not (narrower := instead_of(rules, new, new.effective_from)):
        return []
    named = "; ".join(f"{_sort(rule)} (limit {rule.id})" for rule in narrower)
    message = f"It would hold for no case: narrower limits stand in its place, for {named}."
    field = "class" if new.kind else "kind"
    return [FieldError(field=field, rule="overridden", message=message)]


def wrong_among_rungs(ladder: Sequence[Rung]) -> list[FieldError]:
    """Of the last, which is new: from its day on, a limit is brought to no level before a lower
    one. What stands out of order already, apart from it, is not looked at."""
    new = ladder[-1]
    known = [rung for rung in ladder if rung.clock == new.clock]
    later = {rung.effective_from for rung in known if rung.effective_from > new.effective_from}
    for on in sorted({new.effective_from, *later}):
        for klass in (None, *CLASSES):
            rungs = rungs_for(known, new.clock, klass, on)
            if rungs.get(LEVELS[new.level]) is not new:
                continue
            for rung in rungs.values():
                if (rung.level - new.level) * (rung.after - new.after) < 0:
                    return [_before_its_turn(new, rung, klass, on)]
    return []


def _before_its_turn(new: Rung, rung: Rung, klass: str | None, on: date) -> FieldError:
    comes = "before" if new.level > rung.level else "after"
    told = f"level {rung.level} (by {rung.after} working days, {klass or 'no'} class) from {on} on"
    message = f"Level {new.level} would be told {comes} {told}: levels are told in their order."
    return FieldError(field="after_days", rule="order", message=message)


def _sort(rule: Rule) -> str:
    return " ".join(part for part in (rule.klass, rule.kind) if part) or "all"

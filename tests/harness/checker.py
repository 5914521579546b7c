"""Judges a history against what the system holds: what is lost, doubled, phantom, out of order.

- `lost`: a client was told that it is done, or a service said it, and the effect is missing.
- `doubled`: the effect is there more often than its cause.
- `phantom`: an effect without a cause: no client ever sent it, or each was refused. What a client
  never learned (`unknown`) may be there, once.
- `disordered`: the effects are there, but not in the order of what was said; `stale`: a receiver
  stands elsewhere than the sender.
- `stuck`: it is still on its way, or parked.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.system import System
from deploy.rabbitmq.definitions import HEARS
from tests.harness.final import LINKS, Final, Link, Words
from tests.harness.history import Call, calls, read
from tests.harness.waiting import eventually
from tests.harness.workload import ACCEPT, SUBMIT, TITLE

ACTIONS = {  # what a client's call is called in the file of a case
    "verification": ("verify",), "disposition": ("dispose",), "follow-ups": ("follow_up",),
    "answer": ("answer",), ACCEPT: ("rate", "accept"),
}  # fmt: skip


@dataclass(frozen=True)
class Wrong:
    """One finding: which verdict, where, about which report, and what."""

    verdict: str
    place: str
    number: str
    what: str


@dataclass
class Findings:
    """All that is wrong, and what is worth knowing besides."""

    wrong: list[Wrong] = field(default_factory=list)
    unknown: int = 0  # calls whose client never learned how they ended
    extra_mails: int = 0  # further copies of a mail, under the same Message-ID
    latency: dict[str, tuple[float, float]] = field(default_factory=dict)  # median and longest, s

    def named(self) -> dict[str, int]:
        """How often each verdict was given where: `{"lost routing case": 3}`."""
        return dict(Counter(f"{wrong.verdict} {wrong.place}" for wrong in self.wrong))

    def beyond(self, before: "Findings") -> list[Wrong]:
        """What is wrong that was not before."""
        return [wrong for wrong in self.wrong if wrong not in before.wrong]

    def of(self, verdict: str) -> set[str]:
        """The places where a verdict was given."""
        return {wrong.place for wrong in self.wrong if wrong.verdict == verdict}


def numbers(system: System) -> frozenset[str]:
    """The reports that are there before a history begins: they are none of its business."""
    with Final(system) as now:
        return frozenset(now.reports())


def check(system: System, file: Path, before: frozenset[str] = frozenset()) -> Findings:
    """Judges the history in `file` against the system as it is now."""
    with Final(system) as now:
        return _judge(now, calls(read(file)), before)


def _judge(now: Final, made: list[Call], before: frozenset[str]) -> Findings:
    findings = Findings()
    findings.unknown = sum(call.outcome == "unknown" for call in made)
    findings.latency = {
        operation: _spread([c.ended - c.began for c in made if _is_done(c, operation)])
        for operation in {call.operation for call in made}
    }
    titles = {n: t for n, t in now.reports().items() if n not in before}
    findings.wrong += _submissions(made, titles)
    findings.wrong += _steps(made, now.steps())
    for link in LINKS:
        findings.wrong += _follow(now, link, before)
    for service in now.system.services:
        findings.wrong += _streams(now, service, before)
    findings.wrong += _feed(now)
    findings.wrong += _mails(now, set(titles), findings)
    for place, count in now.unsettled().items():
        findings.wrong.append(Wrong("stuck", place, "", str(count)))
    return findings


def settled(
    system: System,
    file: Path,
    before: frozenset[str] = frozenset(),
    seconds: float = 30,
    *,
    since: float | None = None,
) -> Findings:
    """The findings, once nothing is on its way any more; fails when anything is wrong then.
    `since`: from when the seconds count, by the steady clock; by default from now."""
    last = [Findings()]

    def clean() -> bool:
        last[0] = check(system, file, before)
        return not last[0].wrong

    try:
        eventually(clean, "all accounted for", seconds, every=0.25, since=since)
    except AssertionError as error:
        raise AssertionError(f"{error}: {last[0].named()}, such as {last[0].wrong[:5]}") from None
    return last[0]


def _is_done(call: Call, operation: str) -> bool:
    return call.operation == operation and call.outcome == "ok"


def _spread(seconds: list[float]) -> tuple[float, float]:
    ordered = sorted(seconds) or [0.0]
    return ordered[len(ordered) // 2], ordered[-1]


def _submissions(made: list[Call], titles: dict[str, str]) -> Iterable[Wrong]:
    """Reports are told apart by their title, which holds the key that they were sent with."""
    sent = {call.key: call for call in made if call.operation == SUBMIT}
    there: dict[str, list[str]] = {}
    for number, title in titles.items():
        there.setdefault(title.removeprefix(f"{TITLE} "), []).append(number)
    for key, found in there.items():
        call = sent.get(key)
        if call is None or call.outcome == "fail":
            yield Wrong("phantom", "intake report", found[0], key)
        elif len(found) > 1:
            yield Wrong("doubled", "intake report", found[0], key)
        elif call.outcome == "ok" and call.number != found[0]:
            yield Wrong("phantom", "intake report", found[0], f"the receipt says {call.number}")
    for call in sent.values():
        if call.outcome == "ok" and call.number not in there.get(call.key, []):
            yield Wrong("lost", "intake report", call.number, call.key)


def _steps(made: list[Call], filed: Words) -> Iterable[Wrong]:
    """What clients did to a case stands in its file as often as they were told so."""
    for number in {call.number for call in made if call.operation in ACTIONS}:
        mine = [call for call in made if call.number == number and call.operation in ACTIONS]
        sure = [a for c in mine if c.outcome == "ok" for a in ACTIONS[c.operation]]
        maybe = Counter(a for c in mine if c.outcome == "unknown" for a in ACTIONS[c.operation])
        had = filed.get(number, [])
        surplus = Counter(had) - Counter(sure)
        yield from _each("lost", "client's step", number, Counter(sure) - Counter(had))
        for action, times in (surplus - maybe).items():
            verdict = "doubled" if action in sure or maybe[action] else "phantom"
            yield Wrong(verdict, "client's step", number, f"{action} {times} times more")
        if not surplus and Counter(had) == Counter(sure) and had != sure:
            yield Wrong("disordered", "client's step", number, " ".join(had))


def _each(verdict: str, place: str, number: str, found: Counter[str]) -> Iterable[Wrong]:
    return (Wrong(verdict, place, number, word) for word in found)


def _follow(now: Final, link: Link, before: frozenset[str]) -> Iterable[Wrong]:
    """Compares what was said with the effects it had, report by report."""
    causes = [now.words(query) for query in link.said]
    effects = now.words(link.had)
    for number in set(effects).union(*causes) - before:
        said = [word for cause in causes for word in cause.get(number, [])]
        had = effects.get(number, [])
        if link.order_alone:
            had, said = [w for w in had if w in said], [w for w in said if w in had]
        elif link.state and said and had and said != had:
            yield Wrong("stale", link.place, number, f"{had} and not {said}")
            continue
        more = Counter(had) - Counter(said)
        yield from _each("lost", link.place, number, Counter(said) - Counter(had))
        yield from _each("doubled", link.place, number, Counter(w for w in more if w in said))
        yield from _each("phantom", link.place, number, Counter(w for w in more if w not in said))
        judged = link.ordered or link.order_alone
        if judged and Counter(had) == Counter(said) and had != said:
            yield Wrong("disordered", link.place, number, f"{had} and not {said}")


def _streams(now: Final, sender: str, before: frozenset[str]) -> Iterable[Wrong]:
    """A stream is numbered from 1 without gaps, and whoever follows it has followed it whole."""
    streams = now.said(sender)
    heard = {service: now.heard(service) for service in now.system.services}
    for source, subjects in streams.items():
        for subject, given in subjects.items():
            if subject in before:
                continue
            if given != list(range(1, len(given) + 1)):
                yield Wrong("disordered", f"{sender} outbox", subject, f"{source} {given}")
            for service, followed in heard.items():
                place, at = f"{service} position", followed[source].get(subject, 0)
                if source in HEARS[service] and at != max(given):
                    verdict = "lost" if at < max(given) else "phantom"
                    yield Wrong(verdict, place, subject, f"{source} {at} of {max(given)}")


def _feed(now: Final) -> Iterable[Wrong]:
    for stream, positions in now.feed_positions().items():
        if positions != list(range(1, len(positions) + 1)):
            yield Wrong("disordered", f"feed {stream}", "", str(positions[:5]))


def _mails(now: Final, mine: set[str], findings: Findings) -> Iterable[Wrong]:
    """Each message that counts as delivered is a mail of its own; copies bear the same id."""
    counted, arrived = now.delivered(), now.mails(mine)
    for number in mine:
        ids = arrived.get(number, Counter())
        findings.extra_mails += sum(ids.values()) - len(ids)
        if len(ids) < counted[number]:
            yield Wrong("lost", "mail", number, f"{len(ids)} of {counted[number]}")
        elif len(ids) > counted[number]:
            yield Wrong("phantom", "mail", number, f"{len(ids)}, not {counted[number]}")

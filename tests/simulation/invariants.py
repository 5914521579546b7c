"""What must be true when a history has come to rest; asks the databases and the client's memory."""

from collections import Counter, defaultdict

from tests.simulation.parts import HEARS, Part
from tests.simulation.world import World

EFFECTS = "SELECT source, subject, rating FROM effect ORDER BY id"
FILED = "SELECT type, state, reason, body FROM inbox WHERE state <> 'done' ORDER BY event_id"
UNSAID = "SELECT count(*) AS n FROM outbox WHERE published_at IS NULL"
STARS = "SELECT coalesce(sum(stars), 0) AS n FROM account"


def broken(world: World) -> list[str]:
    """Every promise that this history broke; empty when all is well."""
    wrong = []
    for part in world.parts.values():
        wrong += unequal(part, world)
        wrong += stuck(part, world)
    said = sum(stars for sayings in world.said.values() for _, stars in sayings)
    [moved] = world.parts["routing"].rows(STARS)
    if moved.n != said:
        wrong.append(f"{said} stars were given, {moved.n} are accounted for")
    return wrong


def unequal(part: Part, world: World) -> list[str]:
    """Effects at one reader that are lost, doubled, out of order or of nothing that was said."""
    had: dict[tuple[str, str], list[int]] = defaultdict(list)
    for row in part.rows(EFFECTS):
        had[row.source, row.subject].append(row.rating)
    wrong = []
    for source in HEARS[part.name]:
        for subject in {subject for _, subject in had} | set(world.said):
            said, found = [n for n, _ in world.said[subject]], had[source, subject]
            if found != said:
                kind = kinds(said, found)
                wrong.append(f"{part.name} {source} {subject}: {kind}; said {said}, had {found}")
    return wrong


def kinds(said: list[int], found: list[int]) -> str:
    """In which ways two lists differ."""
    lost, more = Counter(said) - Counter(found), Counter(found) - Counter(said)
    names = [("lost", lost), ("doubled", more & Counter(said)), ("invented", more - Counter(said))]
    return ", ".join(f"{name} {sorted(n)}" for name, n in names if n) or "out of order"


def stuck(part: Part, world: World) -> list[str]:
    """What waits, is unsaid, or is parked without being poison; and poison that is not parked."""
    filed = part.rows(FILED)
    wrong = [f"{part.name}: {row.state} for {row.reason}" for row in filed if row.type]
    parked = {bytes(row.body) for row in filed if not row.type}
    sent = {m.body for m in world.poison_of(part)}
    if parked != sent:
        wrong.append(f"{part.name}: {len(sent)} poisons, {len(parked)} parked")
    if part.rows(UNSAID)[0].n:
        wrong.append(f"{part.name}: not everything is said")
    return wrong

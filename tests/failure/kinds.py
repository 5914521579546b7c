"""The kinds of places that a sweep looks at: one for each way of looking.

Where nothing was ever found, nobody knows whether anything would be. So in a place of each kind
something is planted (`planting`, `planting_outside`), and `test_canaries_whole` fails for a kind in
which it is not found; a place that is of no kind fails whichever sweep looks at it.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase

# The first that fits is a place's.
KINDS = (
    "files/names", "files/postgres/base/*", "files/postgres/pg_wal/*", "files/postgres/*",
    "files/prometheus/*", "files/log/*", "files/tmp/*", "files/broker/*", "files/*",
    "database/*/pg_stats", "database/*/pg_stat_activity", "database/*/backup", "database/*/*",
    "metrics/*", "health/*",
    "mails/envelope", "mails/text", "mails/header/*",
    "feed/monitoring", "feed/handovers", "feed/dossier/application/json",
    "feed/dossier/application/pdf",
    "processes/*/command", "processes/*/environment", "processes/*/unlinked",
    "broker/report", "broker/environment", "broker/export_definitions", "broker/metrics",
    "tap/feed/*", "tap/*",
    "pokes/headers", "pokes/body",
    "commands/*",
    "prometheus/series", "prometheus/alerts", "prometheus/rules",
    "ombudsman/said", "ombudsman/*.jsonl", "ombudsman/dossiers/*", "ombudsman/answers/*",
    "ombudsman/*",
    "answers/given/*", "answers/refused/*",
)  # fmt: skip


def kinds(names: Iterable[str]) -> set[str]:
    """Of which kinds places are, by their names or patterns of these. Fails for one of none."""
    return {_kind(name) for name in names}


def _kind(name: str) -> str:
    found = next((kind for kind in KINDS if fnmatchcase(name, kind)), None)
    assert found, f"{name} is of no kind: name it, and plant something in it"
    return found

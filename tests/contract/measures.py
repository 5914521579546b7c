"""What the code measures, and what a Prometheus expression asks for; both read, neither run."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.contract.openings import sources

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules.yml"
DASHBOARDS = ROOT / "deploy" / "grafana" / "dashboards"

# What others measure and an expression may ask for, with the labels that it may name.
THEIRS = {
    "up": frozenset({"job"}),
    "process_start_time_seconds": frozenset({"job"}),
    "rabbitmq_disk_space_available_bytes": frozenset(),
    "rabbitmq_detailed_queue_messages": frozenset({"vhost", "queue"}),
    "alertmanager_notification_requests_failed_total": frozenset({"integration"}),
}
BY_TARGET = frozenset({"service", "kind", "job", "instance"})
SUFFIXES = {
    "Counter": ("_total",),
    "Gauge": ("",),
    "Histogram": ("_bucket", "_sum", "_count"),
}
NAME = re.compile(
    r"(?<![\w:$\"])[a-z_:][a-z0-9_:]*(?=\s*(?:\{|\[|\)|$|[-+*/<>=]| offset| and| or))"
)
LABELS = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"")
GROUPED = re.compile(r"\b(?:by|on|without|ignoring)\s*\(([^)]*)\)")
WORDS = frozenset({"and", "or", "unless", "by", "offset", "bool", "le"})


def seconds_of(duration: str) -> int:
    """What Prometheus writes as `90s`, `2m` or `1h`."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600}[duration[-1]]


def registered(root: Path = ROOT) -> dict[str, frozenset[str]]:
    """Every series that the code makes, with its labels: a Counter "lapor_x" is lapor_x_total."""
    made: dict[str, frozenset[str]] = {}
    for path in sources(root):
        for call in _metric_calls(ast.parse(path.read_text(encoding="utf-8"))):
            name = ast.literal_eval(call.args[0]).removesuffix("_total")
            labels = frozenset(_labels(call))
            kind = call.func.id if isinstance(call.func, ast.Name) else ""
            for suffix in SUFFIXES[kind]:
                made[name + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return made


def _metric_calls(tree: ast.Module) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        named = isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if named and node.func.id in SUFFIXES and node.args:
            yield node


def _labels(call: ast.Call) -> list[str]:
    given = call.args[2:3] + [k.value for k in call.keywords if k.arg == "labelnames"]
    return list(ast.literal_eval(given[0])) if given else []


def rules(file: Path = RULES) -> list[dict[str, Any]]:
    """Every rule, recording and alerting, in order."""
    return [r for group in yaml.safe_load(file.read_text())["groups"] for r in group["rules"]]


def recorded(file: Path = RULES) -> dict[str, frozenset[str]]:
    """What recording rules make, with their labels."""
    made = [rule for rule in rules(file) if "record" in rule]
    return {rule["record"]: frozenset(rule.get("labels", {})) for rule in made}


def panels(folder: Path = DASHBOARDS) -> list[dict[str, Any]]:
    """Every panel of every dashboard."""
    return [
        p for file in sorted(folder.glob("*.json")) for p in json.loads(file.read_text())["panels"]
    ]


def expressions() -> list[tuple[str, str]]:
    """(where it stands, expression) of all rules and panels."""
    from_rules = [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    shown = [(p["title"], target["expr"]) for p in panels() for target in p["targets"]]
    return [*from_rules, *shown]


def asked(expression: str) -> set[str]:
    """The series that an expression reads."""
    bare = GROUPED.sub(" ", re.sub(r'"[^"]*"', '""', expression))
    bare = re.sub(r"\{[^}]*\}", "{}", bare)
    calls = set(re.findall(r"(\w+)\s*\(", bare))
    return {n for n in NAME.findall(bare) if n not in calls | WORDS and not n.isdigit()}


def labels_named(expression: str) -> set[str]:
    """The labels that an expression selects or groups by."""
    selected = {
        label for part in re.findall(r"\{([^}]*)\}", expression) for label in LABELS.findall(part)
    }
    grouped = {w.strip() for part in GROUPED.findall(expression) for w in part.split(",")}
    return selected | grouped

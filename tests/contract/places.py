"""Where the name of each service must stand, and who is found there; read as text, run nowhere.

`root` is any tree of the project, so that a test can look at one that is not whole.
"""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
Found = set[str]


def services(root: Path = ROOT) -> Found:
    """Every service that there is: a folder with a worker."""
    return {path.parent.name for path in root.glob("services/*/service.py")}


def forgotten(root: Path = ROOT) -> list[str]:
    """Each place where a service is missing, and which: `place: service`."""
    return [
        f"{place}: {service}"
        for place, look in PLACES.items()
        for service in sorted(services(root) - look(root))
    ]


def strangers(root: Path = ROOT) -> list[str]:
    """Each place that names a service which does not exist (any more)."""
    return [
        f"{place}: {name}"
        for place, look in PLACES.items()
        for name in sorted(look(root) - services(root))
    ]


def _constant(root: Path, file: str, name: str) -> Any:
    """The literal that a module gives to a name."""
    for node in ast.parse((root / file).read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name:
            return ast.literal_eval(node.value)
    raise LookupError(f"{file} has no {name}")


def _yaml(root: Path, file: str) -> Any:
    return _parsed((root / file).read_text())


@cache
def _parsed(text: str) -> Any:
    return yaml.safe_load(text)


def _compose(root: Path) -> dict[str, Any]:
    return dict(_yaml(root, "docker-compose.yml"))


def _accounts(root: Path) -> Found:
    return set(_constant(root, "deploy/rabbitmq/definitions.py", "SERVICES"))


def _bindings(root: Path) -> Found:
    return set(_constant(root, "deploy/rabbitmq/definitions.py", "HEARS"))


def _files_of_secrets(root: Path) -> Found:
    return set(_constant(root, "deploy/local/environment.py", "SECRET_FILES"))


def _pairs(names: set[str]) -> Found:
    """The services of which both kinds of process are among `names`."""
    apis, workers = (
        {name.removesuffix(end) for name in names if name.endswith(end)}
        for end in ("-api", "-worker")
    )
    return apis & workers


def _containers(root: Path) -> Found:
    names = set(_compose(root)["services"])
    migrated = {name.removeprefix("migrate-") for name in names if name.startswith("migrate-")}
    return _pairs(names) & migrated


def _handed_secrets(root: Path) -> Found:
    compose = _compose(root)
    handed = {volume.split(":")[0] for volume in compose["services"]["secrets"]["volumes"]}
    volumes = {name.removeprefix("secrets-") for name in handed & set(compose["volumes"])}
    return {name for name in volumes if {f"{name}-worker", f"{name}-owner"} <= volumes}


def _waited_for(root: Path) -> Found:
    needed = _compose(root)["services"]["gateway"]["depends_on"]
    return {name.removesuffix("-api") for name in needed if name.endswith("-api")}


def _moved(root: Path) -> Found:
    return _pairs(set(_yaml(root, "deploy/compose/demo.yml")["services"]))


def _tried_in_containers(root: Path) -> Found:
    listed = re.search(r"^services='(.*)'$", (root / "deploy/compose/check").read_text(), re.M)
    return set(listed[1].split()) if listed else set()


def _scraped_in_containers(root: Path) -> Found:
    job = _yaml(root, "deploy/compose/prometheus.yml")["scrape_configs"][0]
    return _pairs({name for group in job["dns_sd_configs"] for name in group["names"]})


def _scraped(root: Path) -> Found:
    targets = json.loads((root / "deploy/prometheus/targets.json").read_text())
    return _pairs({target.split(":")[0] for group in targets for target in group["targets"]})


def _missed(root: Path) -> Found:
    groups = _yaml(root, "deploy/prometheus/rules.yml")["groups"]
    [rule] = [r for g in groups for r in g["rules"] if r.get("alert") == "ProcessMissing"]
    missed = re.findall(r'absent\(up\{service="(\w+)", kind="(\w+)"\}\)', rule["expr"])
    return _pairs({f"{service}-{kind}" for service, kind in missed})


def _independent(root: Path) -> Found:
    rules = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["importlinter"]
    [rule] = [rule for rule in rules["contracts"] if rule["type"] == "independence"]
    return {module.removeprefix("services.") for module in rule["modules"]}


def _described(root: Path) -> Found:
    return {path.stem for path in root.glob("contracts/openapi/*.json")}


def _speaking(root: Path) -> Found:
    operations = _yaml(root, "contracts/asyncapi.yaml")["operations"].values()
    return {operation["tags"][0]["name"] for operation in operations}


def _routed(root: Path) -> Found:
    """Who has no address of its own needs no route."""
    routes = (root / "deploy/gateway/Caddyfile").read_text()
    silent = {name for name in services(root) if not _has_paths(root, name)}
    return silent | {name.lower() for name in re.findall(r"\{\$(\w+)_API:", routes)}


def _has_paths(root: Path, service: str) -> bool:
    document = root / "contracts/openapi" / f"{service}.json"
    return document.exists() and bool(json.loads(document.read_text()).get("paths"))


def _explained(root: Path) -> Found:
    text = (root / "docs/architecture.md").read_text().partition("## Who holds what")[2]
    return set(re.findall(r"^\| ([a-z]+) \| .+ \| .+ \|$", text.partition("\n## ")[0], re.M))


def _tested(root: Path) -> Found:
    """Tests of a service have a folder named like it; other folders are nobody's."""
    folders = {path.name for path in root.glob("tests/service/*") if any(path.glob("test_*.py"))}
    return folders & services(root)


PLACES: dict[str, Callable[[Path], Found]] = {
    "deploy/rabbitmq/definitions.py, SERVICES": _accounts,
    "deploy/rabbitmq/definitions.py, HEARS": _bindings,
    "deploy/local/environment.py, SECRET_FILES": _files_of_secrets,
    "docker-compose.yml, api, worker and migration": _containers,
    "docker-compose.yml, volumes of secrets": _handed_secrets,
    "docker-compose.yml, what the gateway waits for": _waited_for,
    "deploy/compose/demo.yml": _moved,
    "deploy/compose/check": _tried_in_containers,
    "deploy/compose/prometheus.yml": _scraped_in_containers,
    "deploy/prometheus/targets.json": _scraped,
    "deploy/prometheus/rules.yml, ProcessMissing": _missed,
    "pyproject.toml, import rules": _independent,
    "contracts/openapi": _described,
    "contracts/asyncapi.yaml": _speaking,
    "deploy/gateway/Caddyfile": _routed,
    "docs/architecture.md, who holds what": _explained,
    "tests/service": _tested,
}

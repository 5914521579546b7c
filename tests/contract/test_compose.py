"""docker-compose.yml keeps its promises, and fits the services, their settings and secrets."""

import re
from dataclasses import MISSING, fields
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import yaml

from chassis.config import Secret, SecretText, Settings
from chassis.service import POOL
from deploy import secrets
from deploy.compose import hand_out
from deploy.local.environment import SECRET_FILES

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
DEMO = yaml.safe_load((ROOT / "deploy/compose/demo.yml").read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVICES = sorted(path.parent.name for path in ROOT.glob("services/*/service.py"))
SEEDED = sorted(path.parent.name for path in ROOT.glob("services/*/seed.py"))
PROCESSES = [f"{service}-{kind}" for service in SERVICES for kind in ("api", "worker")]
JOBS = ["secrets", "databases", *(f"migrate-{s}" for s in SERVICES), *(f"seed-{s}" for s in SEEDED)]
PARTS = ["postgres", "rabbitmq", "gateway", "mailpit", "prometheus", "alertmanager", "grafana"]
AS_ROOT = {
    "secrets": {"CHOWN", "DAC_OVERRIDE", "FOWNER"},  # gives files to their owners; no network
    "gateway": {"NET_BIND_SERVICE"},  # its program's file carries it
}
TELLING = re.compile(r"PASSWORD|SECRET|TOKEN|PEPPER|_KEY|KEK|DATABASE_URL|AMQP_URI")


def test_there_is_a_container_for_every_part_and_none_that_nobody_knows() -> None:
    assert sorted(CONTAINERS) == sorted([*PROCESSES, *JOBS, *PARTS])


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_can_do_only_what_it_must(name: str) -> None:
    container = CONTAINERS[name]

    assert container["read_only"] is True
    assert container["cap_drop"] == ["ALL"]
    assert set(container.get("cap_add", ())) == AS_ROOT.get(name, set())
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "pid", "ipc", "devices", "container_name"} & set(container)
    user = container.get("user", "0:0").partition(":")[0]
    assert user.isdigit()
    assert (user == "0") == (name in AS_ROOT)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_cannot_take_the_machine_for_itself(name: str) -> None:
    container = CONTAINERS[name]

    assert {"mem_limit", "cpus", "pids_limit"} <= set(container)
    assert container["logging"]["options"]["max-size"]
    assert container["ulimits"]["core"] == 0


def test_the_broker_stops_publishers_before_its_container_is_full() -> None:
    """A share would be one of the whole machine's memory."""
    settings = (ROOT / "deploy/rabbitmq/rabbitmq.conf").read_text()
    stops = re.findall(r"^vm_memory_high_watermark\.(\w+) = (\d+)MB$", settings, re.MULTILINE)
    full = re.fullmatch(r"(\d+)g", CONTAINERS["rabbitmq"]["mem_limit"])

    [(kind, megabytes)] = stops
    assert kind == "absolute"
    assert full
    assert int(megabytes) * 10**6 <= 0.6 * int(full[1]) * 2**30


@pytest.mark.parametrize("name", CONTAINERS)
def test_an_image_is_named_with_its_version(name: str) -> None:
    image, _, tag = CONTAINERS[name]["image"].partition(":")

    assert tag
    assert not tag.startswith("latest")
    assert (image == "lapor") == (name in {*PROCESSES, *JOBS})
    assert ("build" in CONTAINERS[name]) == (name == "secrets")


def test_an_upgrade_pulls_every_image_that_is_not_built_here() -> None:
    """By name: `--ignore-buildable` tries to pull ours for all but the container that builds it."""
    [pulled] = re.findall(r"docker compose pull ([\w ]+)", (ROOT / "docs/runbook.md").read_text())

    assert sorted(pulled.split()) == sorted(PARTS)


def test_only_the_gateway_is_open_and_operators_tools_on_this_machine_alone() -> None:
    published = {name: c["ports"] for name, c in CONTAINERS.items() if "ports" in c}

    assert set(published) == {"gateway", "mailpit", "grafana"}
    assert published["gateway"] == ["${LAPOR_BIND:-127.0.0.1}:${LAPOR_HTTPS_PORT:-443}:443"]
    for name in ("mailpit", "grafana"):
        assert all(port.startswith("127.0.0.1:") for port in published[name])
    assert CONTAINERS["grafana"]["profiles"] == ["operators"]


def test_everything_waits_for_health_or_success() -> None:
    for name, container in CONTAINERS.items():
        for needed, edge in container.get("depends_on", {}).items():
            ends = needed in JOBS
            wanted = "service_completed_successfully" if ends else "service_healthy"
            assert edge == {"condition": wanted}, f"{name} needs {needed}"
        assert ("healthcheck" in container) == (name not in JOBS), name
        assert container["restart"] == ("no" if name in JOBS else "unless-stopped")


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_starts_after_its_database_and_its_worker_after_the_broker(service: str) -> None:
    last = f"seed-{service}" if service in SEEDED else f"migrate-{service}"

    assert set(needed_by(f"{service}-api")) == {last}
    assert set(needed_by(f"{service}-worker")) == {last, "rabbitmq"}
    assert set(needed_by(f"migrate-{service}")) == {"databases"}
    if service in SEEDED:
        assert set(needed_by(last)) == {f"migrate-{service}"}
    assert needed_by("gateway") >= {f"{service}-api"}


def test_how_many_of_a_process_run_is_said_once_for_every_start() -> None:
    """What `--scale` was told, the next `up` without it would take back."""
    told = {name: c["scale"] for name, c in CONTAINERS.items() if "scale" in c}

    assert told == {
        f"{service}-{kind}": f"${{{service.upper()}_{kind.upper()}S:-1}}"
        for service in SERVICES
        for kind in ("api", "worker")
    }


def test_the_database_lets_in_who_may_come_and_the_runbook_counts_them() -> None:
    """It speaks of these four: whoever adds a service counts anew."""
    settings = (ROOT / "deploy/postgres/postgresql.conf").read_text()
    [most] = re.findall(r"^max_connections = (\d+)$", settings, re.M)
    relay, looking, four = 1, 2, 4  # for an event that waits, and notify for a mail
    worker, api = POOL + relay + looking, Settings.http_threads + 2
    accepting = 2 * api  # what accepts reports has a pool of its own beside the other
    workers, apis = four * worker, (four - 1) * api + accepting
    runbook = " ".join((ROOT / "docs/runbook.md").read_text().split())

    assert 2 * workers + apis < int(most) - 3
    assert f"The database lets {int(most) - 3} connections in" in runbook
    assert (
        f"a worker takes up to {worker}, an API {api}, intake's {accepting}: one of each"
        f" {workers + apis}. Two workers of each are {2 * workers + apis}, and with two APIs of"
        f" each it would be {2 * workers + 2 * apis}, too many"
    ) in runbook


def test_nothing_starts_before_its_secrets_are_there() -> None:
    for name in [*PROCESSES, *JOBS, "postgres", "rabbitmq", "gateway", "grafana"]:
        assert name == "secrets" or "secrets" in reachable(name), name


@pytest.mark.parametrize("name", [*PROCESSES, *JOBS])
def test_a_container_runs_what_its_name_says(name: str) -> None:
    command = CONTAINERS[name]["command"]
    kinds = {f"{s}-{k}": (s, k) for s in SERVICES for k in ("api", "worker")}
    jobs = {f"{k}-{s}": (s, k) for s in SERVICES for k in ("migrate", "seed")}

    assert command[:2] == ["python", "-m"]
    if name in kinds | jobs:
        service, told = (kinds | jobs)[name]
        assert command[2:] == [f"services.{service}", told]
    else:
        assert (ROOT / f"{command[2].replace('.', '/')}.py").exists()


@pytest.mark.parametrize(
    "name", [n for n in [*PROCESSES, *JOBS] if n not in ("secrets", "databases")]
)
def test_the_environment_is_what_the_settings_ask_for(name: str) -> None:
    settings = import_module(f"services.{service_of(name)}.config").Settings
    hints = get_type_hints(settings)
    taken, needed = {}, set()
    for field in fields(settings):
        variable = field.name.upper() + (
            "_FILE" if hints[field.name] in (Secret, SecretText) else ""
        )
        taken[variable] = hints[field.name]
        if field.default is MISSING and field.name != "service":
            needed.add(variable)
    told = set(CONTAINERS[name]["environment"])

    assert needed <= told
    assert told <= set(taken)
    assert ("AMQP_URI_FILE" in told) == name.endswith("-worker")
    assert ("HTTP_PORT" in told) == name.endswith("-api")


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_secret_is_a_file_and_never_a_value(name: str) -> None:
    for variable, value in CONTAINERS[name].get("environment", {}).items():
        if TELLING.search(variable):
            assert variable.endswith("_FILE"), variable
            assert value.startswith("/run/secrets/"), variable


def test_a_container_finds_its_own_secrets_and_nobody_elses(tmp_path: Path) -> None:
    hand_out.make(tmp_path / "vault")
    owners = hand_out.owners(tmp_path / "vault", calling="")
    mounted = {name: secrets_of(name) for name in CONTAINERS if name != "secrets"}

    for owner in owners:
        users = {name for name, folder in mounted.items() if folder == owner}
        assert users == expected_users(owner), owner
    assert {folder for folder in mounted.values() if folder} == set(owners)
    handed = {f"secrets-{owner}:/handed/{owner}" for owner in owners}
    assert set(CONTAINERS["secrets"]["volumes"]) == handed | {"vault:/vault"}
    assert CONTAINERS["secrets"]["network_mode"] == "none"


def test_who_is_called_is_told_and_alertmanager_is_started_anew_when_that_changes() -> None:
    source = (ROOT / "deploy" / "alertmanager" / "configuration.py").read_text()
    told = CONTAINERS["secrets"]["environment"]

    assert set(told) == set(re.findall(r"""["']([A-Z]+_[A-Z]+)["']""", source))
    assert CONTAINERS["alertmanager"]["environment"] == told


def test_what_is_handed_out_is_what_is_asked_for(tmp_path: Path) -> None:
    hand_out.make(tmp_path / "vault")

    for owner, given in hand_out.owners(tmp_path / "vault", calling="").items():
        asked = {
            value.rpartition("/")[2]
            for name in expected_users(owner)
            for variable, value in CONTAINERS[name].get("environment", {}).items()
            if variable.endswith("_FILE")
        }
        if owner == "databases":
            kinds = (secrets.DATABASE, secrets.OWNER)
            passwords = {kind.format(s) for kind in kinds for s in SERVICES}
            asked = {hand_out.DATABASE_ADMINISTRATOR, *passwords}
        if owner == "rabbitmq":
            asked = {"definitions.json"}
        if owner == "alertmanager":
            asked = {hand_out.CALLING, hand_out.SMTP_PASSWORD}
        assert set(given.files) == asked, owner


def test_each_name_of_a_secret_means_the_same_file_in_every_way_of_running() -> None:
    here = {
        (service_of(name), variable): value.rpartition("/")[2]
        for name in PROCESSES
        for variable, value in CONTAINERS[name]["environment"].items()
    }

    for service, files in SECRET_FILES.items():
        for variable, file in files.items():
            assert here[service, variable] == file


def test_an_identity_can_be_opened_in_one_place_only() -> None:
    owners = {"notify-private-key.json": "notify-worker", "kek.json": "notify-worker"}
    given = {s: hand_out.OF_API.get(s, ()) for s in SERVICES}
    given |= {f"{s}-worker": hand_out.OF_WORKER.get(s, ()) for s in SERVICES}

    for file, owner in owners.items():
        assert [name for name, files in given.items() if file in files] == [owner]


def test_the_networks_let_only_those_meet_who_must() -> None:
    members = {
        net: {n for n, c in CONTAINERS.items() if net in c.get("networks", ())} for net in NETS
    }
    apis, workers = ({f"{s}-{kind}" for s in SERVICES} for kind in ("api", "worker"))
    jobs = set(JOBS) - {"secrets"}

    assert members["broker"] == workers | {"rabbitmq", "prometheus"}
    assert members["database"] == apis | workers | jobs | {"postgres"}
    assert members["edge"] == apis | {"gateway", "prometheus"}
    assert members["watch"] == {"prometheus", "grafana", "alertmanager"}
    assert members["outside"] == {"gateway"}
    assert members["operators"] == {"grafana"}
    assert members["mail"] == {"notify-worker", "mailpit"}
    assert members["calls"] == {"alertmanager", "mailpit"}
    assert members["pokes"] == {"escalation-worker"}
    leading_out = {net for net in NETS if not (COMPOSE["networks"][net] or {}).get("internal")}
    assert leading_out == {"outside", "operators", "mail", "calls", "pokes"}


NETS = tuple(COMPOSE["networks"])


def test_only_the_demonstration_moves_the_clock_and_then_everywhere() -> None:
    moved = {n: c["environment"] for n, c in DEMO["services"].items() if n != "clock"}

    assert set(moved) == set(PROCESSES)
    assert all(told == {"CLOCK_FILE": "/clock/offset"} for told in moved.values())
    assert "CLOCK_FILE" not in str(COMPOSE)


def test_prometheus_reads_every_process_and_no_other_way_than_the_embedded_run() -> None:
    here, there = (
        yaml.safe_load((ROOT / file).read_text())
        for file in ("deploy/compose/prometheus.yml", "deploy/prometheus/prometheus.yml")
    )
    found = {name for sd in here["scrape_configs"][0]["dns_sd_configs"] for name in sd["names"]}

    assert found == {*PROCESSES, "rabbitmq", "gateway", "alertmanager"}
    assert [job["job_name"] for job in here["scrape_configs"]] == [
        job["job_name"] for job in there["scrape_configs"]
    ]
    assert here["rule_files"] == there["rule_files"]
    assert here["scrape_configs"][1]["params"] == there["scrape_configs"][1]["params"]


def test_every_file_that_is_mounted_exists() -> None:
    for name, container in CONTAINERS.items():
        for volume in container.get("volumes", ()):
            source = volume.partition(":")[0]
            if source.startswith("./"):
                assert (ROOT / source).exists(), name
                assert volume.endswith(":ro"), name
            else:
                assert source in COMPOSE["volumes"], name


def service_of(name: str) -> str:
    """The service that a process or job belongs to."""
    return next(service for service in SERVICES if service in name.split("-"))


def needed_by(name: str) -> set[str]:
    return set(CONTAINERS[name].get("depends_on", ()))


def reachable(name: str) -> set[str]:
    """All that must be there before a container starts."""
    direct = needed_by(name)
    return direct.union(*(reachable(needed) for needed in direct))


def secrets_of(name: str) -> str:
    """The folder of secrets that a container mounts, or nothing."""
    mounted = [v for v in CONTAINERS[name].get("volumes", ()) if "secrets" in v or "vault" in v]
    assert len(mounted) <= 1, name
    if not mounted:
        return ""
    source, target, mode = mounted[0].split(":")
    assert (target, mode) == ("/run/secrets", "ro"), name
    return str(source.removeprefix("secrets-"))


def expected_users(owner: str) -> set[str]:
    """Who mounts a folder: a worker its own, and so the job that migrates; a service's API shares
    with the job that seeds."""
    if owner in SERVICES:
        return {f"{owner}-api", f"seed-{owner}"} & set(CONTAINERS)
    service, _, kind = owner.rpartition("-")
    return {f"migrate-{service}"} if kind == "owner" else {owner}

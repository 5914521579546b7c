"""What the stories have in common."""

import httpx

from deploy.local.plain import PLAIN
from deploy.local.scenario import sign_in


def told(system, citizen):
    """The subjects and texts of the mails about a report."""
    return [m for m in system.mails() if citizen.number in m.text]


def disposed(people, citizen, to="dpupr"):
    coordinator = sign_in(people, "koordinator")
    coordinator.await_case(citizen.number)
    kind = {"class": "ordinary", "category": "jalan-jembatan"}
    coordinator.act(citizen.number, "verification", kind)
    coordinator.act(citizen.number, "disposition", {"agency": to})
    return coordinator


def moved(system, citizen, before):
    """V, once its clock was measured again."""
    now = verified_by(system, citizen)
    return now if now and len(now["changes"]) > len(before["changes"]) else None


def verified_by(system, citizen):
    """V of a report, explained to its reporter, once it runs."""
    links = citizen.track()["links"]
    answer = httpx.get(
        f"{system.url}/api{links['explain']}",
        headers={"Authorization": f"Bearer {links['token']}"}, params={"clock": "V"},
        trust_env=False, verify=PLAIN,
    )  # fmt: skip
    return next(iter(answer.json()["deadlines"]), None) if answer.is_success else None


def settled(url, headers):
    """The limits, once those of the agency run."""
    answer = httpx.get(url, headers=headers, trust_env=False, verify=PLAIN)
    limits = answer.json()["deadlines"] if answer.is_success else []
    return limits if {"F", "S"} <= {limit["clock"] for limit in limits} else None

"""Accepting reports: per second, beside pgbench writing the very same rows."""

from collections.abc import Callable
from functools import partial

from bench.load import Load, floor, middle, reports
from deploy.local.system import System

CLIENTS = (1, 8, 32)
SIGNALEN = 11.5  # complaints per second that another open system accepts on two such cores


def run(system: System, seconds: float, rounds: int) -> list[str]:
    """Markdown lines. Workers stand still: what they do with a report is measured elsewhere."""
    for service in system.services:
        system.process(f"{service}-worker").stop()
    direct = f"http://127.0.0.1:{system.ports['intake'][0]}"
    lines = [
        "| clients | floor /s | direct /s | of the floor | p50 | p99 | not signed /s |"
        " no contact /s | through the gateway /s | p50 | p99 |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    try:
        with system.another_api("intake", "unsigned", RECEIPTS_SIGNED="false") as unsigned:
            for clients in CLIENTS:
                urls = {"direct": direct, "unsigned": unsigned, "gateway": f"{system.url}/api"}
                lines.append(_row(system, urls, clients, seconds, rounds))
    finally:
        for service in system.services:
            system.wait_ready(f"{service}-worker", start=True)
    return lines


def _row(system: System, urls: dict[str, str], clients: int, seconds: float, rounds: int) -> str:
    ways: dict[str, Callable[[], Load]] = {
        "floor": partial(floor, system, clients, seconds),
        **{name: partial(reports, url, clients, seconds) for name, url in urls.items()},
        "bare": partial(reports, urls["direct"], clients, seconds, contact=False),
    }
    names = list(ways)
    seen: dict[str, list[Load]] = {name: [] for name in names}
    for turn in range(rounds):
        # In turns, so that a slow minute is everybody's; and each round begins with another, so
        # that not always the same one comes after the floor, which leaves the disk the most to do.
        for name in (*names[turn:], *names[:turn]):
            seen[name].append(ways[name]())
    low, ours, unsigned, gate, bare = (middle(runs) for runs in seen.values())
    bad = sum(load.refused + load.broken for load in (ours, unsigned, bare, gate))
    print(
        f"  {clients} clients: {ours.rate / low.rate:.2f} of the floor"
        f" ({unsigned.rate / low.rate:.2f} if nothing is signed),"
        f" {ours.rate / SIGNALEN:.0f} times Signalen, {bad} without a receipt",
        flush=True,
    )
    return (
        f"| {clients} | {low.rate:,.0f} | {ours.rate:,.0f} | {ours.rate / low.rate:.2f} |"
        f" {_ms(ours.p50)} | {_ms(ours.p99)} | {unsigned.rate:,.0f} | {bare.rate:,.0f} |"
        f" {gate.rate:,.0f} | {_ms(gate.p50)} | {_ms(gate.p99)} |"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"

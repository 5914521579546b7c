"""Every alert fires at its trouble, and no other with it; while all is well, none does.

One hour is played through promtool: the figures of a healthy system, one of them turned bad.
"""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.local.prometheus import program
from deploy.rabbitmq.definitions import SERVICES
from tests.contract import measures
from tests.contract.measures import ROOT

ALERTS = {rule["alert"] for rule in measures.rules() if "alert" in rule}
FIRING = 'count by (alertname) (ALERTS{alertstate="firing"})'
ALWAYS = "Watchdog"
UNDER_WAY = "3+1x60"  # intake is a little ahead: what is under way is not missing

COUNTED = {
    ("intake", "reports_accepted"): UNDER_WAY,
    ("routing", "cases"): "1+1x60",
    ("intake", "cases_known"): "0+1x60",
    ("notify", "reporters"): "0+1x60",
    ("escalation", "cases"): "0+1x60",
    ("notify", "contacts_expected"): "0 1 0x58",
}
ANSWERED = (
    'lapor_http_request_seconds_count{{service="intake", route="{}", method="POST",'
    ' outcome="error"}}'
)
NOT_TAKEN, NOT_FOLLOWED = ANSWERED.format("/v1/reports"), ANSWERED.format("/v1/reports/track")
PROCESSES = [(service, kind) for service in SERVICES for kind in ("api", "worker")]
ENGINES = [("gateway", "engine"), ("rabbitmq", "engine")]
SETTLED = 'lapor_notify_settled{{to="{}", outcome="{}", hours="{}"}}'
READY = 'lapor_ready{{service="{}", kind="{}", check="{}"}}'
TIMED = 'lapor_entrypoint_seconds_count{{service="{}", entrypoint="{}", outcome="{}"}}'
CALLS_FAILED = 'alertmanager_notification_requests_failed_total{{integration="{}"}}'
MORE_OF_IT = 'up{job="lapor", service="routing", kind="worker", instance="another"}'
STARTED = 'process_start_time_seconds{job="lapor", service="intake", kind="worker"}'
ITS_TIMERS = TIMED.format("routing", "publish", "ok").replace("{", '{instance="another", ')
FREE = 'rabbitmq_disk_space_available_bytes{service="rabbitmq"}'
HEALTHY = {
    MORE_OF_IT: "_x60",
    STARTED: "1x30 1900x30",
    ITS_TIMERS: "_x60",
    FREE: "50e9x60",
    **{f'lapor_accounted{{service="{s}", what="{w}"}}': v for (s, w), v in COUNTED.items()},
    **{f'up{{job="lapor", service="{s}", kind="{k}"}}': "1x60" for s, k in PROCESSES + ENGINES},
    **{READY.format(*process, "database"): "0 1x59" for process in PROCESSES},
    **{READY.format(s, "worker", "broker"): "0 1x59" for s in SERVICES},
    **{TIMED.format(s, "publish", "ok"): "0+900x60" for s in SERVICES},
    TIMED.format("escalation", "count_unwatched", "ok"): "0+1x60",
    TIMED.format("escalation", "count_unwatched", "error"): "0x60",
    TIMED.format("escalation", "broadcast_feed", "ok"): "0+1x60",
    TIMED.format("escalation", "broadcast_feed", "error"): "0x60",
    TIMED.format("intake", "forget", "ok"): "1x60",
    TIMED.format("intake", "forget", "error"): "0x60",
    TIMED.format("routing", "extend_trail", "ok"): "0+1x60",
    TIMED.format("routing", "extend_trail", "error"): "0x60",
    **{f'{name}{{service="{s}"}}': "0x60" for s in SERVICES for name in (
        "lapor_outbox_age_seconds", "lapor_inbox_age_seconds", "lapor_inbox_parked",
        "lapor_inbox_gaps_total", "lapor_hub_lag_seconds",
    )},
    **{f'rabbitmq_detailed_queue_messages{{vhost="lapor", queue="{q}"}}': "0x60" for q in (
        "lapor.unrouted", "routing.dead", "routing.reports",
    )},
    'lapor_escalation_breaker{reason="mass_firing"}': "0x60",
    'lapor_escalation_breaker{reason="clock_jump"}': "0x60",
    'lapor_escalation_breaker{reason="restored"}': "0x60",
    'lapor_escalation_undecidable_clocks{reason="calendar"}': "0x60",
    'lapor_escalation_lateness_seconds_count{what="level"}': "_x50 12x10",
    'lapor_escalation_lateness_seconds_bucket{what="level", le="120.0"}': "_x50 12x10",
    'lapor_escalation_lateness_seconds_count{what="passed"}': "0+5x60",
    'lapor_escalation_lateness_seconds_bucket{what="passed", le="120.0"}': "0+5x60",
    "lapor_escalation_overdue_seconds": "0x60",
    "lapor_escalation_turns_failed_total": "0x60",
    "lapor_escalation_unwatched_cases": "0x60",
    "lapor_escalation_no_promises": "0x60",
    "lapor_escalation_stalled_handovers": "0x60",
    "lapor_escalation_feed_lag_seconds": "0x60",
    'lapor_escalation_feed_pulse_seconds{stream="handovers"}': "600x60",
    "lapor_trail_age_seconds": "660x60",
    'lapor_escalation_feed_forks_total{stream="handovers", how="forked"}': "0x60",
    'lapor_escalation_feed_unacknowledged_seconds{stream="handovers"}': "0x60",
    'lapor_escalation_open_breaches{clock="S"}': "3x60",
    'lapor_escalation_open_breaches{clock="C"}': "0x60",
    "lapor_escalation_unanswered_handover_seconds": "86400+60x60",
    "lapor_escalation_feed_poke_seconds": "0x60",
    'lapor_escalation_feed_pokes_total{result="forbidden"}': "0x60",
    "lapor_notify_oldest_unsent_seconds": "0x60",
    "lapor_notify_stuck": "0x60",
    "lapor_notify_delivering": "1x60",
    "lapor_notify_unreadable": "0x60",
    "lapor_notify_put_off_seconds": "36000-60x60",  # thirty reports of one mailbox in the evening
    "lapor_escalation_unheard_answers": "0x60",
    "lapor_notify_undelivered_answers": "1x60",  # once, and its case is long over
    **{SETTLED.format("reporter", "delivered", hours): f"{60 * hours}x60" for hours in (1, 6)},
    **{SETTLED.format("reporter", "rejected", hours): "0 0 1x58" for hours in (1, 6)},
    **{SETTLED.format("post", how, hours): "0x60"
       for how in ("no_address", "expired") for hours in (1, 6)},
    "lapor_notify_unreached": "0 0 1x58",
    NOT_TAKEN: "0x60",
    NOT_FOLLOWED: "0x60",
    'lapor_log_lines_lost_total{service="intake"}': "0x60",
    'lapor_sign_ins_total{result="wrong"}': "0+1x60",
    'lapor_sign_ins_total{result="locked"}': "0x60",
    'lapor_denials_total{route="/v1/cases/{number}"}': "0+1x60",
    "lapor_escalation_denials_total": "0+1x60",
    CALLS_FAILED.format("email"): "0x60",
    CALLS_FAILED.format("webhook"): "0x60",
}  # fmt: skip
BROKER_RESTART = {'lapor_outbox_age_seconds{service="intake"}': "0x20 20 35 0x38"}
A_HICCUP = {'lapor_hub_lag_seconds{service="routing"}': "0x58 3"}
A_LATE_MINUTE = {"lapor_escalation_overdue_seconds": "0x20 30 90 0x38"}
# In a quiet night: one address with a slip of the pen; and a mail server that takes nothing.
A_SLIP = {
    SETTLED.format("reporter", "delivered", 1): "0x60",
    SETTLED.format("reporter", "delivered", 6): "0x60",
    SETTLED.format("reporter", "rejected", 1): "0x20 1x10 4x29",  # it fails with each news
    SETTLED.format("reporter", "rejected", 6): "0x20 1x10 4x29",
    "lapor_notify_unreached": "0x20 1x39",
}
# Its domain does not resolve: each of its news is tried for hours, while others are delivered to.
NO_SUCH_DOMAIN = {
    "lapor_notify_oldest_unsent_seconds": "0+600x60", "lapor_notify_stuck": "0x1 1x59",
}  # fmt: skip
SERVER_AWAY = NO_SUCH_DOMAIN | {"lapor_notify_delivering": "0x60"}  # with one message, at night
NO_KEY = NO_SUCH_DOMAIN | {"lapor_notify_unreadable": "0x1 1x59"}  # while others are delivered to
POST_EXPIRED = {SETTLED.format("post", "expired", 6): "0x50 1x10"}
REFUSED_ALL = A_SLIP | {
    SETTLED.format("reporter", "rejected", 1): "0x10 1x9 0x29 1x10",
    SETTLED.format("reporter", "rejected", 6): "0x10 1x39 2x10",
    "lapor_notify_unreached": "0x10 1x39 2x10",
}
ONE_CALL_FAILED = {CALLS_FAILED.format("email"): "0x54 1x6"}  # five minutes ago
HEARD_AT_LAST = {"lapor_escalation_unheard_answers": "0x10 1x20 0x30"}

GONE = "0x10 _x50"
BROKEN = {
    "ReportsUnaccounted": {'lapor_accounted{service="routing", what="cases"}': "1+1x20 21x40"},
    "CountsMissing": {'lapor_accounted{service="notify", what="reporters"}': GONE},
    "OutboxStuck": {'lapor_outbox_age_seconds{service="intake"}': "0x20 0+60x40"},
    "InboxStuck": {'lapor_inbox_age_seconds{service="notify"}': "0x20 0+60x40"},
    "EventsParked": {'lapor_inbox_parked{service="routing"}': "0x50 1x10"},
    "EventsMissing": {'lapor_inbox_gaps_total{service="routing"}': "0x50 1x10"},
    "EventsUnrouted": {
        'rabbitmq_detailed_queue_messages{vhost="lapor", queue="lapor.unrouted"}': "0x50 4x10"
    },
    "DeadLetters": {
        'rabbitmq_detailed_queue_messages{vhost="lapor", queue="routing.dead"}': "0x40 1x20"
    },
    "DeadlinesLate": {"lapor_escalation_overdue_seconds": "0x40 0+60x20"},
    "BreakerOpen": {'lapor_escalation_breaker{reason="mass_firing"}': "0x50 1x10"},
    "CasesPassedOver": {"lapor_escalation_turns_failed_total": "0x50 1x10"},
    "ClocksUndecidable": {'lapor_escalation_undecidable_clocks{reason="calendar"}': "0x40 2x20"},
    "PromisesUnknown": {"lapor_escalation_no_promises": "0x30 1x30"},
    "CasesUnwatched": {"lapor_escalation_unwatched_cases": "0x40 1x20"},
    "HandoversStalled": {"lapor_escalation_stalled_handovers": "0x40 1x20"},
    "FeedBehind": {"lapor_escalation_feed_lag_seconds": "0x40 0+60x20"},
    "FeedForked": {
        'lapor_escalation_feed_forks_total{stream="handovers", how="forked"}': "0x50 1x10"
    },
    "FeedSilent": {'lapor_escalation_feed_pulse_seconds{stream="handovers"}': "0x20 0+60x40"},
    "PokesUnheard": {"lapor_escalation_feed_poke_seconds": "3000+60x60"},
    "FeedUnacknowledged": {
        'lapor_escalation_feed_unacknowledged_seconds{stream="handovers"}': "86000+60x60"
    },
    "MeasuresMissing": {
        TIMED.format("escalation", "count_unwatched", "ok"): "0+1x40 40x20",
        TIMED.format("escalation", "count_unwatched", "error"): "0x40 0+1x20",
    },
    "TimersFailing": {
        TIMED.format("escalation", "broadcast_feed", "ok"): "0+1x30 30x30",
        TIMED.format("escalation", "broadcast_feed", "error"): "0x30 0+1x30",
    },
    "OrderNotDone": {'lapor_escalation_open_breaches{clock="C"}': "0x50 1x10"},
    "HandoverUnanswered": {"lapor_escalation_unanswered_handover_seconds": "1209000+60x60"},
    "MessagesStuck": {
        "lapor_notify_oldest_unsent_seconds": "0x20 0+60x40", "lapor_notify_stuck": "0x35 2x25",
    },
    "MessagesPutOff": {"lapor_notify_put_off_seconds": "0x30 50000x30"},
    "MessagesFailing": {
        SETTLED.format("reporter", "rejected", 1): "0x40 2 4x19",
        "lapor_notify_unreached": "1x40 2x20",
    },
    "ContactsMissing": {
        'lapor_accounted{service="notify", what="contacts_expected"}': "0x50 1x10"
    },
    "PostUnreachable": {SETTLED.format("post", "no_address", 6): "0x50 1x10"},
    "AnswersUnheard": {"lapor_escalation_unheard_answers": "0x50 1x10"},
    "ProcessDown": {'up{job="lapor", service="intake", kind="worker"}': "1x50 0x10"},
    "ProcessMissing": {'up{job="lapor", service="intake", kind="api"}': GONE},
    "ProcessesFewer": {MORE_OF_IT: "1x20 _x40"},
    "ProcessRestarts": {STARTED: "1x40 2401x4 2701x4 3001x4 3301x8"},
    "DiskFilling": {FREE: "50e9-1e9x60"},
    "NotReady": {READY.format("intake", "api", "database"): "1x50 0x10"},
    "WorkerAsleep": {TIMED.format("intake", "publish", "ok"): "0+900x40 36000x20"},
    "HubBlocked": {'lapor_hub_lag_seconds{service="routing"}': "0x50 4x10"},
    "LogLinesLost": {'lapor_log_lines_lost_total{service="intake"}': "0x50 1x10"},
    "ErrorsAnswered": {NOT_FOLLOWED: "0x50 0+3x10"},
    "ReportsNotTaken": {NOT_TAKEN: "0x50 1x10"},
    "RightsProbed": {'lapor_denials_total{route="/v1/cases/{number}"}': "0x40 0+20x20"},
    "TrailStalled": {"lapor_trail_age_seconds": "3000+60x60"},
    "PasswordsGuessed": {'lapor_sign_ins_total{result="wrong"}': "0x40 0+20x20"},
    "CallsFailing": {CALLS_FAILED.format("email"): "0x40 0+5x20"},
    ALWAYS: {},
}  # fmt: skip
ONE_BLOCK = {'lapor_hub_lag_seconds{service="routing"}': "0x57 70 70"}  # the gauge keeps it so long
FIRST_LATE = {
    'lapor_escalation_lateness_seconds_count{what="level"}': "_x50 12x10",
    'lapor_escalation_lateness_seconds_bucket{what="level", le="120.0"}': "_x50 0x10",
}
FORKED_BEFORE = {'lapor_escalation_feed_forks_total{stream="handovers", how="forked"}': "0x2 1x58"}
FIRST_GAP = {'lapor_inbox_gaps_total{service="routing"}': "_x50 1x10"}
OTHERWISE = [
    ("NotReady", {READY.format("routing", "worker", "broker"): "1x30" + " 0x2 1" * 10}),
    ("MeasuresMissing", {
        TIMED.format("routing", "extend_trail", "ok"): "0+1x40 40x20",
        TIMED.format("routing", "extend_trail", "error"): "0x40 0+1x20",
    }),
    ("TimersFailing", {
        TIMED.format("intake", "forget", "ok"): "_x60",
        TIMED.format("intake", "forget", "error"): "1x20 2x20 3x20",
    }),
    ("WorkerAsleep", {ITS_TIMERS: "0+900x40 36000x20"}),
    ("MessagesFailing", REFUSED_ALL),
    ("MessagesStuck", SERVER_AWAY),
    ("MessagesStuck", NO_KEY),
    ("PostUnreachable", NO_SUCH_DOMAIN | POST_EXPIRED),  # was it a post's, that is told
    ("BreakerOpen", {'lapor_escalation_breaker{reason="clock_jump"}': "0x50 1x10"}),
    ("BreakerOpen", {'lapor_escalation_breaker{reason="restored"}': "0x50 1x10"}),
    *(("ProcessMissing", {f'up{{job="lapor", service="{s}", kind="{k}"}}': GONE})
      for s, k in PROCESSES + ENGINES),
]  # fmt: skip
LOCKED = {'lapor_sign_ins_total{result="locked"}': "0x50 1x10"}  # somebody patient, and now a desk
SLOW = {'lapor_escalation_lateness_seconds_bucket{what="passed", le="120.0"}': "0+5x50 250+1x10"}


HEARD_WITHIN = 300  # seconds
# Seconds between two looks at what a gauge shows, where they are not five; and what it takes to
# read a gauge and to judge it.
MEASURED = {"lapor_accounted": 60, "undecidable": 15, "unwatched": 15, "unheard": 15}
READ = 5 + 15
# What tells of a row that nothing takes up (`tests/failure/stuck.py`).
TELL_OF_ROWS = (
    "ReportsUnaccounted", "InboxStuck", "EventsParked", "EventsMissing", "ClocksUndecidable",
    "CasesUnwatched", "MessagesStuck", "ContactsMissing", "AnswersUnheard",
)  # fmt: skip
# Seconds, and why so long.
LATER = {"MessagesStuck": (1170, "a mail server may be away for three tries; cases go on without")}


@pytest.fixture(scope="module")
def promtool(cache: Path) -> Path:
    return program("promtool", cache)


def test_prometheus_accepts_the_rules_and_both_configurations(
    promtool: Path, tmp_path: Path
) -> None:
    shutil.copy(measures.RULES, tmp_path)
    (tmp_path / "targets.json").write_text("[]")

    for config in ("deploy/prometheus/prometheus.yml", "deploy/compose/prometheus.yml"):
        shutil.copy(ROOT / config, tmp_path)
        run(promtool, "check", "config", tmp_path / "prometheus.yml")


def test_prometheus_can_read_every_expression_of_the_dashboard(
    promtool: Path, tmp_path: Path
) -> None:
    shown = [target["expr"] for panel in measures.panels() for target in panel["targets"]]
    named = [{"record": f"shown:{n}", "expr": expr} for n, expr in enumerate(shown)]

    written = {"groups": [{"name": "dashboard", "rules": named}]}
    (tmp_path / "shown.yml").write_text(yaml.safe_dump(written))
    run(promtool, "check", "rules", tmp_path / "shown.yml")


def test_nothing_fires_while_all_is_well(promtool: Path, tmp_path: Path) -> None:
    over = (BROKER_RESTART, A_LATE_MINUTE, A_HICCUP, HEARD_AT_LAST, A_SLIP, ONE_CALL_FAILED)
    over += (NO_SUCH_DOMAIN,)

    play(promtool, tmp_path, [hour(trouble, set()) for trouble in ({}, *over)])


def test_every_alert_fires_at_its_trouble_and_at_no_other(promtool: Path, tmp_path: Path) -> None:
    hours = [hour(trouble, {alert}) for alert, trouble in BROKEN.items()]

    hours += [hour(late, {"DeadlinesLate"}) for late in (SLOW, FIRST_LATE)]
    hours += [hour(FIRST_GAP, {"EventsMissing"}), hour(FORKED_BEFORE, {"FeedForked"})]
    hours += [hour(ONE_BLOCK, {"HubBlocked"}), hour(LOCKED, {"PasswordsGuessed"})]
    hours += [hour(trouble, {alert}) for alert, trouble in OTHERWISE]
    play(promtool, tmp_path, hours)
    assert set(BROKEN) == ALERTS


def heard_after(rule: dict[str, str], exprs: str) -> int:
    """Seconds at most from a row's getting stuck until its alert fires."""
    measured = next((s for name, s in MEASURED.items() if name in exprs), 5)
    age = re.search(r"_seconds\) > (\d+)", exprs)
    back = re.search(r" offset (\d+m)\b", exprs) if "unaccounted" in rule["expr"] else None
    waits = measures.seconds_of(rule.get("for", "0s"))
    waits += measures.seconds_of(back[1]) if back else 0
    return measured + READ + (int(age[1]) if age else 0) + waits


def test_what_is_stuck_is_heard_of_in_five_minutes() -> None:
    compared = " ".join(r["expr"] for r in measures.rules() if "record" in r)
    alerts = {r["alert"]: r for r in measures.rules() if "alert" in r}
    exprs = {a: r["expr"] for a, r in alerts.items()}
    exprs["ReportsUnaccounted"] += compared
    found = {alert: heard_after(alerts[alert], exprs[alert]) for alert in TELL_OF_ROWS}

    assert {alert for alert, seconds in found.items() if seconds > HEARD_WITHIN} == set(LATER)
    assert all(found[alert] <= most for alert, (most, _) in LATER.items())
    slower = alerts["ContactsMissing"] | {"for": "30m"}
    assert heard_after(slower, exprs["ContactsMissing"]) > HEARD_WITHIN  # the negative control


def test_the_runbook_asks_which_answers_are_unheard_as_they_are_counted() -> None:
    watching = (ROOT / "services" / "escalation" / "watch" / "watching.py").read_text()
    [counted] = re.findall(r'_UNHEARD = sa.text\("""\nSELECT count\(\*\) (.*?)"""', watching, re.S)
    runbook = (ROOT / "docs" / "runbook.md").read_text()

    assert f"SELECT number {' '.join(counted.split())};" in runbook


def test_an_hour_that_is_not_as_expected_is_noticed(promtool: Path, tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        play(promtool, tmp_path, [hour(BROKEN["EventsParked"], set())])
    with pytest.raises(AssertionError):
        play(promtool, tmp_path, [hour({}, {"EventsParked"})])


def hour(trouble: dict[str, str], expected: set[str]) -> dict[str, object]:
    """A promtool test: the healthy figures, the trouble's in their place, and what then fires."""
    assert set(trouble) <= set(HEALTHY)
    firing = sorted(expected | {ALWAYS})
    samples = [{"labels": f'{{alertname="{alert}"}}', "value": 1} for alert in firing]
    return {
        "name": ", ".join(expected) or "all is well",
        "interval": "1m",
        "input_series": [{"series": s, "values": v} for s, v in (HEALTHY | trouble).items()],
        "promql_expr_test": [{"expr": FIRING, "eval_time": "59m", "exp_samples": samples}],
    }


def play(promtool: Path, folder: Path, hours: list[dict[str, object]]) -> None:
    """Runs promtool over the hours; fails with its words."""
    shutil.copy(measures.RULES, folder)
    played = {"rule_files": [measures.RULES.name], "evaluation_interval": "1m", "tests": hours}
    (folder / "hours.yml").write_text(yaml.safe_dump(played, sort_keys=False))
    run(promtool, "test", "rules", folder / "hours.yml")


def run(promtool: Path, *words: object) -> None:
    ran = subprocess.run([promtool, *map(str, words)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr

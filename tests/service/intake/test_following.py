"""Who knows the code of a report follows it and acts on it; nobody else learns that it exists."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import quote

import pytest
import sqlalchemy as sa

from chassis.database import engine
from chassis.errors import NotFound
from chassis.idempotency import IdempotencyKey
from services.intake import domain
from services.intake.door import Door
from tests.harness.waiting import eventually
from tests.service.intake.conftest import key


def put(intake_db, receipt, status):
    intake_db.psql("UPDATE report SET status = %s", [status])


def ask(api, receipt, what, body, **headers):
    code = {"Tracking-Code": receipt["code"]}
    return api.post(f"/v1/reports/{receipt['number']}/{what}", json=body, headers=code | headers)


def test_the_reporter_sees_the_timeline(api, receipt):
    proof = {"number": receipt["number"], "code": receipt["code"]}
    seen = api.post("/v1/reports/track", json=proof).json()

    assert seen["status"] == "unverified"
    assert [e["what"] for e in seen["timeline"]] == ["report.submitted"]
    acts = ["consent_to_escalation", "replace_contact", "supplement", "withdraw"]
    assert seen["actions"] == acts


def test_when_another_reporter_of_the_same_handling_acted_is_told_by_the_day(
    api, intake_db, receipt
):
    """Whoever files a duplicate, and has it merged, reads along: no moment of another's is told."""
    put(intake_db, receipt, "answered")
    ask(api, receipt, "objections", {"reason": "Belum selesai"}, **key())
    [(mine,)] = intake_db.psql("SELECT at FROM timeline_entry WHERE what = 'reporter.object'")
    put(intake_db, receipt, "in_progress")
    intake_db.psql("UPDATE report SET received_at = '2026-11-20T02:00:00Z'")
    for what in ("case.resumed", "case.reopened", "case.objected"):
        happened(intake_db, what, "2026-11-23T02:42:13.123456Z")
    happened(intake_db, "case.answered", "2026-11-23T03:30:00Z")
    happened(intake_db, "case.objected", "2026-11-23T04:42:13.123456Z")
    happened(intake_db, "message.failed", "2026-11-23T04:42:14Z", '{"about": "objected"}')
    happened(intake_db, "case.objected", mine)

    proof = {"number": receipt["number"], "code": receipt["code"]}
    timeline = api.post("/v1/reports/track", json=proof).json()["timeline"][1:]
    told = [(e["what"], e["at"]) for e in timeline]

    day = "2026-11-22T16:00:00+00:00"  # midnight where they live
    assert [at for _, at in told[:3]] == [day] * 3
    answered = "2026-11-23T03:30:00+00:00"  # what came after that is told as if at once
    steps = ("case.answered", "case.objected", "message.failed")
    assert told[3:6] == [(what, answered) for what in steps]
    assert [what for what, _ in told[6:]] == ["reporter.object", "case.objected"]
    assert {datetime.fromisoformat(at) for _, at in told[6:]} == {mine}


def test_what_led_to_something_in_the_same_moment_stands_above_it(api, intake_db, receipt):
    """It is heard by two streams, in either order."""
    for what in ("escalation.offered", "escalation.raised", "deadline.passed"):
        happened(intake_db, what, "2099-11-23T02:30:00Z")

    proof = {"number": receipt["number"], "code": receipt["code"]}
    timeline = api.post("/v1/reports/track", json=proof).json()["timeline"][1:]

    steps = ["deadline.passed", "escalation.raised", "escalation.offered"]
    assert [line["what"] for line in timeline] == steps


def test_of_a_report_that_came_back_those_clocks_are_shown_that_run(api, intake_db, receipt):
    for clock in "VFSA":
        intake_db.psql(
            "INSERT INTO deadline (number, clock, cycle, due_at, ends_on) VALUES"
            " (%s, %s, 1, '2026-11-23T15:59:59Z', '2026-11-23')",
            [receipt["number"], clock],
        )
    proof = {"number": receipt["number"], "code": receipt["code"]}

    def shown():
        told = api.post("/v1/reports/track", json=proof).json()["deadlines"]
        return "".join(sorted(deadline["clock"] for deadline in told))

    assert shown() == "V"
    happened(intake_db, "case.disposed", "2026-11-20T02:00:00Z")
    first = '{"goes_to": "arbiter", "returns": 1}'  # it complains about the coordinator
    happened(intake_db, "case.returned", "2026-11-20T03:00:00Z", first)
    assert shown() == "FS"
    for day, returns in ((21, 2), (22, 3)):  # it complains about whoever sits above as well
        again = f'{{"goes_to": "coordinator", "returns": {returns}}}'
        happened(intake_db, "case.returned", f"2026-11-{day}T03:00:00Z", again)
        assert shown() == "AFS"
    happened(intake_db, "case.disposed", "2026-11-22T05:00:00Z")
    happened(intake_db, "case.followed_up", "2026-11-22T06:00:00Z")
    happened(intake_db, "case.archived", "2026-11-23T03:00:00Z")  # and objected to
    assert shown() == "S"
    happened(intake_db, "case.disposed", "2026-11-23T05:00:00Z")
    happened(intake_db, "case.returned", "2026-11-23T06:00:00Z", again)
    assert shown() == "AFS"


def test_how_often_the_case_that_a_report_was_merged_into_came_back_is_not_told(
    api, intake_db, receipt
):
    """That the arbiter decides at its first return would say that another reporter complains about
    the coordinator."""
    counted = '{"goes_to": "arbiter", "returns": %d}'
    happened(intake_db, "case.returned", "2026-11-20T03:00:00Z", counted % 1)
    happened(intake_db, "case.merged", "2026-11-21T03:00:00Z")
    for day, returns in ((22, 1), (23, 2)):
        happened(intake_db, "case.returned", f"2026-11-{day}T03:00:00Z", counted % returns)

    proof = {"number": receipt["number"], "code": receipt["code"]}
    timeline = api.post("/v1/reports/track", json=proof).json()["timeline"]

    told = [line["detail"] for line in timeline if line["what"] == "case.returned"]
    assert [detail["returns"] for detail in told] == [1, None, None]
    assert {detail["goes_to"] for detail in told} == {"arbiter"}


@pytest.mark.parametrize(("goes_to", "clocks"), [("coordinator", "FS"), ("arbiter", "AFS")])
def test_a_return_of_before_they_were_counted_is_read_by_where_it_went(goes_to, clocks):
    happened = [("case.disposed", {}), ("case.returned", {"goes_to": goes_to})]

    assert "".join(sorted(domain.clocks(domain.Status.UNVERIFIED, (), happened))) == clocks


def happened(intake_db, what, at, detail="{}"):
    intake_db.psql(
        "INSERT INTO timeline_entry (number, at, what, detail)"
        " SELECT number, %s, %s, %s FROM report",
        [at, what, detail],
    )


def test_status_and_timeline_are_of_one_moment(api, intake_db, receipt):
    """Both change after the status was read."""
    proof = {"number": receipt["number"], "code": receipt["code"]}
    waits = "SELECT 1 FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock'"
    bind = engine(intake_db.url, 1)

    with ThreadPoolExecutor(1) as threads:
        with bind.begin() as other:
            other.execute(sa.text("LOCK TABLE timeline_entry"))
            other.execute(sa.text("UPDATE report SET status = 'disposed'"))
            happened = "SELECT number, now(), 'case.disposed', '{}'::jsonb FROM report"
            other.execute(
                sa.text(f"INSERT INTO timeline_entry (number, at, what, detail) {happened}")
            )
            seen = threads.submit(api.post, "/v1/reports/track", json=proof)
            eventually(lambda: intake_db.psql(waits, [intake_db.name]))
        meanwhile = seen.result(timeout=10).json()
    bind.dispose()
    afterwards = api.post("/v1/reports/track", json=proof).json()

    assert (meanwhile["status"], len(meanwhile["timeline"])) == ("unverified", 1)
    assert (afterwards["status"], len(afterwards["timeline"])) == ("disposed", 2)


def test_a_code_may_be_written_as_people_write(api, receipt):
    sloppy = receipt["code"].lower().replace("-", " ").replace("0", "o").replace("1", "l")
    proof = {"number": receipt["number"].lower(), "code": sloppy}

    assert api.post("/v1/reports/track", json=proof).status_code == 200


PARTED = {
    "blanks": "{0} {1} {2}",
    "nothing": "{0}{1}{2}",
    "no_prefix": "{1}-{2}",
    "ten_digits": "{1}{2}",
    "en_dash": "{0}\u2013{1}\u2013{2}",
    "no_break": "{0}\xa0{1}\u2011{2}",
    "pasted": "\t{0}-{1}-{2}\n",
}


@pytest.mark.parametrize("parted", PARTED.values(), ids=PARTED)
def test_a_number_is_read_by_its_digits_and_a_code_by_its_characters(api, receipt, parted):
    """As it is read out on the telephone, or pasted."""
    typed = parted.format(*receipt["number"].split("-"))
    code = receipt["code"].replace("-", "\u2011", 2).replace("-", "\xa0", 2) + "\n"
    seen = api.post("/v1/reports/track", json={"number": typed, "code": code})
    assert (seen.status_code, seen.json().get("number")) == (200, receipt["number"])

    address = f"/v1/reports/{quote(typed.strip())}"
    for given, answered in ((receipt["code"], (200, 202)), (receipt["code"][1:], (404, 404))):
        headers = {"Tracking-Code": given.replace("-", " \t")}
        found = api.post(f"{address}/escalation-check", headers=headers)
        added = api.post(f"{address}/supplements", headers=headers, json={"text": "Ini fotonya"})
        assert (found.status_code, added.status_code) == answered


def test_wrong_codes_are_counted_for_a_number_however_it_is_typed(api, receipt):
    parts = receipt["number"].split("-")
    typed = [parted.format(*parts) for parted in PARTED.values()]
    answers = [
        api.post("/v1/reports/track", json={"number": number, "code": "1" * 26})
        for number in (typed * 2)[:11]
    ]

    assert [a.status_code for a in answers] == [404] * 10 + [429]


def test_what_cannot_be_a_number_is_asked_of_no_database():
    """A slip of one digit, too."""

    class Asked:
        def scalar(self, statement):
            return asked.append(statement.compile().params["number_1"])

    asked = []
    door = Door(b"-" * 32, "KTB")
    for typed in ("Siti", "081234567890", "6302055187730004", "KTB-12345-67890", "12345 67894"):
        with pytest.raises(NotFound):
            door.prove(Asked(), typed, "1" * 26)

    assert asked == ["", "", "", "", "KTB-12345-67894"]


def test_a_wrong_code_and_a_wrong_number_look_the_same(api, receipt):
    wrong_code = {"number": receipt["number"], "code": "0" * 26}
    wrong_number = {"number": "KTB-00000-00000", "code": receipt["code"]}
    answers = [api.post("/v1/reports/track", json=p) for p in (wrong_code, wrong_number)]

    assert {a.status_code for a in answers} == {404}
    assert len({a.json()["title"] for a in answers}) == 1


def test_guessing_is_slowed_down_and_the_owner_is_not(api, receipt):
    wrong = {"number": receipt["number"], "code": "1" * 26}
    right = wrong | {"code": receipt["code"]}
    answers = [api.post("/v1/reports/track", json=wrong) for _ in range(25)]

    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert api.post("/v1/reports/track", json=right).status_code == 200


REQUESTS = {
    "supplements": ("in_progress", {"text": "Ini fotonya"}, ["report.supplemented.v1"]),
    "objections": ("answered", {"reason": "Belum selesai"}, ["report.objected.v1"]),
    "acceptance": ("answered", {"stars": 4}, ["report.rated.v1", "report.accepted.v1"]),
    "reopening": ("closed", {"reason": "Rusak lagi"}, ["report.reopened.v1"]),
    "withdrawal": ("unverified", {}, ["report.withdrawn.v1"]),
    "escalation-consent": ("in_progress", {}, ["report.escalation_consented.v1"]),
    "contact": ("closed", {"contact": {"email": "a@b.example"}}, ["report.contact_replaced.v1"]),
}


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_of_the_reporter_is_said_once(api, intake_db, receipt, what):
    status, body, said = REQUESTS[what]
    put(intake_db, receipt, status)
    once = key()
    answers = [ask(api, receipt, what, body, **once) for _ in range(2)]

    assert [a.status_code for a in answers] == [202, 202], answers[0].text
    assert answers[0].json() == answers[1].json()
    types = intake_db.psql("SELECT type FROM outbox WHERE sequence > 1 OR type LIKE '%consented%'")
    assert sorted(t for (t,) in types) == sorted(said)


def spelled(receipt):
    """Number and code as the receipt has them, and as people write them."""
    number, code = receipt["number"], receipt["code"]
    sloppy = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    told = number.partition("-")[2].replace("-", "%20")
    return [
        (number, code),
        (number, sloppy),
        (number.lower(), code),
        (told, code.replace("-", "\t")),
    ]


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_happens_once_however_number_and_code_are_spelled(api, intake_db, receipt, what):
    status, body, said = REQUESTS[what]
    put(intake_db, receipt, status)
    once = key()
    answers = [
        api.post(f"/v1/reports/{n}/{what}", json=body, headers=once | {"Tracking-Code": c})
        for n, c in spelled(receipt)
    ]

    assert [a.status_code for a in answers] == [202] * 4, answers[-1].text
    assert [a.json() for a in answers] == [answers[0].json()] * 4
    types = intake_db.psql("SELECT type FROM outbox WHERE sequence > 1 OR type LIKE '%consented%'")
    assert sorted(t for (t,) in types) == sorted(said)


def test_what_was_answered_when_spelling_counted_still_is(api, intake_db, receipt, secrets_folder):
    once, body = key(), {"text": "Ini fotonya"}
    given, code = once["Idempotency-Key"], receipt["code"]
    route = f"POST /v1/reports/{receipt['number']}/supplements"
    pepper = (secrets_folder / "idempotency-pepper").read_bytes().strip()
    kept = IdempotencyKey(given, route, f" {code}", body, pepper, dict)
    answer = {"number": receipt["number"], "noted_at": "2026-11-29T02:00:00Z", "proof": None}
    row = [kept.hash, kept.fingerprint, kept.seal(answer)[1]]
    intake_db.psql("INSERT INTO idempotency (key, fingerprint, answer) VALUES (%s, %s, %s)", row)

    assert ask(api, receipt, "supplements", body, **once).json() == answer
    assert intake_db.psql("SELECT count(*) FROM timeline_entry") == [(0,)]


@pytest.mark.parametrize("what", REQUESTS)
def test_a_twin_of_a_request_in_hand_is_told_so_and_waits_for_nothing(
    api, intake_db, receipt, what
):
    status, body, _ = REQUESTS[what]
    put(intake_db, receipt, status)
    once, bind = key(), engine(intake_db.url, 1)
    in_hand = "SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database"
    in_hand += " WHERE locktype = 'advisory' AND datname = %s"

    with ThreadPoolExecutor(1) as threads:
        with bind.begin() as other:  # somebody has the row for a moment
            other.execute(sa.text("SELECT FROM report FOR UPDATE"))
            first = threads.submit(ask, api, receipt, what, body, **once)
            eventually(lambda: intake_db.psql(in_hand, [intake_db.name]))
            twin = ask(api, receipt, what, body, **once)
        answered = first.result(timeout=10)
    bind.dispose()

    assert twin.status_code == 409, twin.text
    assert [error["rule"] for error in twin.json()["errors"]] == ["in_hand"]
    assert twin.headers["Retry-After"] == "1"
    assert answered.status_code in (202, 503), answered.text  # 503: no lock is waited for for long
    again = ask(api, receipt, what, body, **once)
    assert again.status_code == 202
    assert answered.status_code == 503 or again.json() == answered.json()


@pytest.mark.parametrize("what", REQUESTS)
def test_a_request_that_the_status_forbids_is_refused_and_says_nothing(
    api, intake_db, receipt, what
):
    put(intake_db, receipt, "withdrawn")
    answer = ask(api, receipt, what, REQUESTS[what][1])

    assert answer.status_code == 409
    assert intake_db.psql("SELECT count(*) FROM outbox") == [(2,)]


def test_a_request_that_may_be_in_time_is_taken_while_news_of_the_case_wait(
    api, intake_db, receipt
):
    """Routing decides: the answer that is objected to may be what waits."""
    put(intake_db, receipt, "in_progress")

    def objects():
        return ask(api, receipt, "objections", {"reason": "Belum selesai"}).status_code

    waits(intake_db, "KTB-00000-00000")
    waits(intake_db, receipt["number"], "/escalation/deadlines")
    assert objects() == 409
    waits(intake_db, receipt["number"])
    assert [objects(), objects()] == [202, 202]  # as with two clicks: it is said once
    intake_db.psql("UPDATE inbox SET state = 'done'")
    assert objects() == 409
    said = "SELECT count(*) FROM outbox WHERE type = 'report.objected.v1'"
    assert intake_db.psql(said) == [(1,)]


def waits(intake_db, number, source="/routing/cases"):
    intake_db.psql(
        "INSERT INTO inbox (event_id, type, source, subject, sequence, state, received_at)"
        " VALUES (gen_random_uuid(), 'case.answered.v1', %s, %s, 3, 'parked', now())",
        [source, number],
    )


def test_without_the_code_no_request_is_taken(api, intake_db, receipt):
    answer = api.post(f"/v1/reports/{receipt['number']}/withdrawal", json={})

    assert answer.status_code == 404
    assert intake_db.psql("SELECT count(*) FROM outbox") == [(2,)]


@pytest.mark.parametrize("stars", [0, 6, "5", 4.5, None, True])
def test_a_rating_is_one_to_five_whole_stars(api, intake_db, receipt, stars):
    put(intake_db, receipt, "answered")
    answer = ask(api, receipt, "acceptance", {"stars": stars})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "stars"

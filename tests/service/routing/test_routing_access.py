"""Who may know of a case and act on it: every address, every part, every kind of case."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from services.routing import api, models
from tests.service.routing.office import (
    ACCUSED,
    ANSWER,
    ARCHIVE,
    ASK,
    CANCEL,
    DISPOSE,
    FOLLOW_UP,
    FORWARD,
    PROTECT,
    RECALL,
    RELAY,
    VERIFY,
    ago,
    settings,
)

BODIES = {
    "verification": VERIFY[2],
    "disposition": DISPOSE[2],
    "reassignment": {"agency": "dishub"},
    "archive": ARCHIVE[2],
    "forwarding": FORWARD[2],
    "recall": RECALL[2],
    "outside-words": RELAY[2],
    "complains-about": ACCUSED[2],
    "data-request": ASK[2],
    "data-request/cancellation": CANCEL[2],
    "return": {"reason": "The road is the transport office's."},
    "follow-ups": FOLLOW_UP[2],
    "answer": ANSWER[2],
    "reclassification": {"category": "sampah", "reason": "It is about waste, not the road."},
    "confidentiality": PROTECT[2],
    "merge": {"reason": "the same hole"},
}
DESK = {"coordinator", "arbiter", "supervisor"}
SEES = {
    "unverified": DESK,
    "disposed": DESK | {"liaison", "supporter"},
    "in_progress": DESK | {"liaison", "supporter"},
    "archived": DESK,
    "forwarded_externally": DESK,
}
ABOVE = {"arbiter": {"complains-about"}, "supervisor": {"complains-about"}}
# Who can do what with a case in that status; nobody else gets more than 403.
CAN = {
    "unverified": {
        "coordinator": {"verification", "disposition", "archive", "forwarding", "data-request",
                        "reclassification", "confidentiality", "merge", "complains-about"},
        **ABOVE},
    "disposed": {"coordinator": {"reclassification", "confidentiality", "merge", "complains-about"},
                 **ABOVE, "liaison": {"return", "follow-ups", "confidentiality"}},
    "in_progress": {"coordinator": {"reclassification", "confidentiality", "merge",
                                    "complains-about"},
                    **ABOVE,
                    "liaison": {"follow-ups", "data-request", "answer", "confidentiality"}},
    "archived": {"coordinator": {"confidentiality", "merge"}},
    "forwarded_externally": {
        "coordinator": {"recall", "outside-words", "confidentiality", "merge"},
    },
}  # fmt: skip
STAFF = (*sorted(DESK), "administrator", "liaison", "supporter", "stranger")
PUBLIC = {"/v1/agencies", "/v1/districts", "/v1/categories", "/v1/officers/sign-in"}


@pytest.fixture(scope="module")
def cases(office):
    """One verified case in each of the statuses."""
    made = {status: office.bring(status) for status in SEES}
    office.act(made["unverified"], "verification", "coordinator", **VERIFY[2])
    return made


@pytest.mark.parametrize("as_", STAFF)
@pytest.mark.parametrize("status", SEES)
def test_a_case_is_shown_to_its_officers_and_absent_for_the_others(office, cases, status, as_):
    answer = office.ask("GET", f"/v1/cases/{cases[status]}", as_=as_)
    listed = office.ask("GET", f"/v1/cases?status={status}&limit=100", as_=as_).json["items"]

    sees = as_ in SEES[status]
    assert answer.status_code == (200 if sees else 404)
    assert (cases[status] in {item["number"] for item in listed}) == sees


@pytest.mark.parametrize("as_", STAFF)
@pytest.mark.parametrize("status", SEES)
def test_nobody_acts_beyond_their_part(office, cases, status, as_):
    number = cases[status]
    before = office.said(number)
    for verb, body in BODIES.items():
        if verb in CAN[status].get(as_, ()):
            continue
        body = body | {"into": cases["unverified"]} if verb == "merge" else body
        answer = office.act(number, verb, as_, **body)
        assert answer.status_code in ((403, 409) if as_ in SEES[status] else (404,)), verb
    assert office.said(number) == before


@pytest.mark.parametrize("as_", STAFF)
@pytest.mark.parametrize("status", SEES)
def test_what_is_offered_is_what_is_possible(office, status, as_):
    number, other = office.bring(status), office.open()
    if status == "unverified":
        office.act(number, "verification", "coordinator", **VERIFY[2])
    for verb in CAN[status].get(as_, ()):
        body = BODIES[verb] | ({"into": other} if verb == "merge" else {})
        fresh = office.bring(status)
        if status == "unverified":
            office.act(fresh, "verification", "coordinator", **VERIFY[2])
        assert office.act(fresh, verb, as_, **body).status_code == 200, verb


def test_absent_and_foreign_look_the_same(office, cases):
    foreign = office.ask("GET", f"/v1/cases/{cases['disposed']}", as_="stranger")
    absent = office.ask("GET", "/v1/cases/KTB-00000-00000", as_="stranger")

    assert foreign.status_code == absent.status_code == 404
    assert foreign.headers == absent.headers
    assert foreign.json | {"instance": ""} == absent.json | {"instance": ""}


UNNAMED = [
    {"confidentiality": "anonymous"},
    {"confidentiality": "confidential"},
    {"hidden_from_public": True},
]
BORN = "2026-03-02T17:23:45.678901Z"  # 01:23 of the third in Kotabaru
DAY = "2026-03-02T16:00:00"


def moments(office, number, as_):
    """Every moment of the reporter's doing that this officer is told."""
    shown = office.case(number, as_)
    listed = office.ask("GET", f"/v1/cases?status={shown['status']}&limit=100", as_=as_).json
    found = [i["received_at"] for i in listed["items"] if i["number"] == number]
    found += [shown["received_at"], *(n["at"] for n in shown["notes"])]
    found += [shown[name] for name in ("ended_at", "offered_at") if shown[name]]
    for event in shown["history"]:
        pairs = [pair for name, pair in event["changes"].items() if name.endswith("_at")]
        found += [event["at"], *(then for pair in pairs for then in pair if then)]
    return found


@pytest.mark.parametrize("chosen", [*UNNAMED, {}])
def test_the_agency_learns_the_day_of_an_unnamed_report_and_the_desk_its_moment(office, chosen):
    number = office.bring("answered", received_at=BORN, **{"hidden_from_public": False} | chosen)
    office.hear("report.supplemented.v1", number, at=BORN)
    office.hear("escalation.offered.v1", number, at=BORN)
    office.hear("report.accepted.v1", number, at=BORN)

    told, exact = moments(office, number, "liaison"), moments(office, number, "coordinator")
    assert sum(at.startswith("2026-03-02T17:23:45") for at in exact) >= 7
    assert len(told) == len(exact)
    if chosen:
        assert told[0].startswith(DAY)
        assert {at[10:19] for at in told} == {"T16:00:00"}
    else:
        assert told == exact


def test_an_open_cases_file_does_not_tell_the_moment_of_an_unnamed_follower(office):
    parent, child = office.bring("in_progress"), office.open(confidentiality="anonymous")
    merged = office.act(child, "merge", "coordinator", into=parent, reason="the same hole")
    assert merged.status_code == 200, merged.text
    office.hear("report.supplemented.v1", child, at=BORN)

    first = office.case(parent, "liaison")["history"][0]  # of all days, that is the first
    assert (first["action"], first["at"][:19]) == ("supplement", DAY)
    assert office.case(parent)["history"][-1]["at"].startswith("2026-03-02T17:23:45")


def test_merging_does_not_tell_which_numbers_exist(office, cases):
    against = office.open(agency="diskominfo")
    for as_, number, foreign in (
        ("liaison", cases["disposed"], cases["unverified"]),
        ("coordinator", cases["unverified"], against),
    ):
        answers = [
            office.act(number, "merge", as_, into=into, reason="the same hole")
            for into in (foreign, "KTB-00000-00000")
        ]
        assert [a.status_code for a in answers] == [403 if as_ == "liaison" else 422] * 2
        assert answers[0].json | {"instance": ""} == answers[1].json | {"instance": ""}


def test_a_number_that_is_not_ones_to_know_is_not_held_by_merging(office, cases):
    foreign = office.open(agency="diskominfo")
    with office.db.begin() as tx:
        tx.execute(sa.select(models.Case).where(models.Case.number == foreign).with_for_update())
        for as_, number in (("liaison", cases["disposed"]), ("coordinator", cases["unverified"])):
            with ThreadPoolExecutor(1) as threads:
                body = {"into": foreign, "reason": "the same hole"}
                merging = threads.submit(office.act, number, "merge", as_, **body)
                assert merging.result(timeout=10).status_code in (403, 422)


@pytest.mark.parametrize("as_", ["stranger", "coordinator", "administrator"])
def test_a_case_that_is_not_ones_to_know_is_not_waited_for_and_every_denial_is_on_record(
    office, as_
):
    """Whoever has it in hand: a number that does not exist is held by nobody either."""
    hidden, other = office.open(agency="diskominfo"), office.open()  # the coordinator sits there
    asked = [("GET", "", None), ("POST", "/token", {})]
    bodies = BODIES | {"merge": BODIES["merge"] | {"into": other}}
    asked += [("POST", f"/{verb}", body) for verb, body in bodies.items()]
    office.token(as_)
    with office.db.begin() as tx, ThreadPoolExecutor(1) as threads:
        tx.execute(sa.select(models.Case).where(models.Case.number == hidden).with_for_update())
        for method, last, body in asked:
            asking = threads.submit(office.ask, method, f"/v1/cases/{hidden}{last}", body, as_)
            assert asking.result(timeout=10).status_code == 404, last

    kept = "SELECT method, route, status FROM denial WHERE number = %s ORDER BY id"
    wanted = [(method, f"/v1/cases/{{number}}{last}", 404) for method, last, _ in asked]
    assert office.database.psql(kept, [hidden]) == wanted
    of_a_case = {one for one in api.routes(settings(""), None, None) if "{number}" in one}
    assert {route for _, route, _ in wanted} == of_a_case


@pytest.mark.parametrize(
    ("method", "address"),
    [
        (method.removeprefix("on_").upper(), address)
        for address, resource in api.routes(settings(""), None, None).items()
        for method in dir(resource)
        if method.startswith("on_")
    ],
)
def test_only_the_lists_are_open_to_everybody(office, method, address):
    path = address.format(number="KTB-00000-00000", username="dpupr", code="dpupr")
    for headers in ({}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Basic YTph"}):
        body = None if method == "GET" else _body(address)
        answer = office.http.simulate_request(method, path, json=body, headers=headers)
        wanted = (200, 401) if address in PUBLIC else (401,)
        assert answer.status_code in wanted, answer.text


def _body(address):
    """Input that is good enough to come as far as the question who is asking."""
    last = address.rsplit("/", 1)[-1]
    others = {
        "sign-in": {"username": "x", "password": "y"},
        "password": {"password": "x", "new_password": "y"},
        "officers": {"username": "somebody", "role": "liaison", "agency": "dpupr"},
        "{code}": {"name": "Dinas", "active": True},
        "merge": BODIES["merge"] | {"into": "KTB-11111-11111"},
        "token": {"service": "escalation"},
    }
    return others.get(last) or BODIES.get(address.partition("/{number}/")[2])


def test_an_agency_that_gave_a_case_back_knows_of_it_no_more(office):
    number = office.bring("disposed")
    office.act(number, "return", "liaison", **BODIES["return"])
    assert office.ask("GET", f"/v1/cases/{number}", as_="liaison").status_code == 404


def test_the_worklist_is_read_page_by_page_the_most_urgent_first(office):
    numbers = [office.bring("disposed") for _ in range(5)]
    for days, number in zip((3, 1, 2), numbers[:3], strict=True):
        due = f"2031-01-0{days}T15:59:59Z"
        office.hear("deadline.started.v1", number, clock="F", cycle=1, started_at=due, due_at=due)
    items, after = [], ""
    while after is not None:
        page = office.ask("GET", f"/v1/cases?status=disposed&limit=2{after}", as_="liaison").json
        items += page["items"]
        after = f"&after={page['next']}" if page["next"] else None

    found = [i["number"] for i in items]
    assert len(found) == len(set(found))
    wanted = [numbers[1], numbers[2], numbers[0], numbers[3], numbers[4]]
    assert [n for n in found if n in numbers] == wanted
    assert found.index(numbers[3]) > found.index(numbers[0])


@pytest.mark.parametrize(
    "query", ["after=!", "after=bm8", "limit=0", "limit=101", "status=lost", "x=1"]
)
def test_a_query_that_makes_no_sense_is_refused(office, query):
    assert office.ask("GET", f"/v1/cases?{query}", as_="coordinator").status_code == 422


@pytest.mark.parametrize(
    "due",
    [
        "2031-01-03T15:59:59",
        "2031-W01-5T15:59:59+00:00",
        "20310103T155959+00:00",
        "2031-01-03T22:59:59+07:00",
        "2031-01-03T15:59:59+23:59:59.999999",
        "0001-01-01T00:00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "\x00",
    ],
)
def test_a_cursor_that_nobody_gave_out_is_refused(office, due):
    cursor = urlsafe_b64encode(f"{due} KTB-12345-67890".encode()).decode()
    refused = office.ask("GET", f"/v1/cases?after={cursor}", as_="coordinator")

    assert refused.status_code == 422
    assert [(e["field"], e["rule"]) for e in refused.json["errors"]] == [("after", "cursor")]


@pytest.mark.parametrize("year", ["0001", "9999"])
def test_a_cursor_at_the_end_of_time_is_only_a_place(office, year):
    cursor = urlsafe_b64encode(f"{year}-12-31T23:59:59+00:00 KTB-12345-67890".encode()).decode()

    assert office.ask("GET", f"/v1/cases?after={cursor}", as_="coordinator").status_code == 200


def test_an_administrator_corrects_agencies_and_nobody_else_does(office):
    body = {"name": "Dinas Perhubungan Kotabaru", "active": True}
    assert office.ask("PUT", "/v1/agencies/dishub", body, "coordinator").status_code == 403
    answer = office.ask("PUT", "/v1/agencies/dishub", body, "administrator")
    assert (answer.json["name"], answer.json["name_source"]) == (body["name"], "confirmed")
    assert office.ask("PUT", "/v1/agencies/none", body, "administrator").status_code == 404


def test_who_corrects_a_name_says_too_whether_the_agency_gets_new_cases(office):
    """Or one that gets none would get them again, unasked."""
    refused = office.ask("PUT", "/v1/agencies/dishub", {"name": "Dishub Kotabaru"}, "administrator")

    assert (refused.status_code, refused.json["errors"][0]["field"]) == (422, "active")


def test_what_an_administrator_changes_of_an_agency_is_on_record(office):
    before = "Dinas Pemberdayaan Masyarakat dan Desa"
    for name in (before, "Dinas PMD", "Dinas PMD"):  # the last one changes nothing
        body = {"name": name, "active": False}
        answer = office.ask("PUT", "/v1/agencies/dpmd", body, "administrator")
        assert answer.status_code == 200, answer.text

    kept = (
        "SELECT username, changes FROM agency_event e JOIN officer o ON o.id = e.by"
        " WHERE e.agency = 'dpmd' ORDER BY e.id"
    )
    assert office.database.psql(kept) == [
        ("administrator", {"active": [True, False], "name_source": ["unconfirmed", "confirmed"]}),
        ("administrator", {"name": [before, "Dinas PMD"]}),
    ]
    with pytest.raises(DBAPIError, match="permission denied"), office.db.begin() as tx:
        tx.execute(sa.delete(models.AgencyEvent))


def test_an_officer_sees_nothing_of_what_comes_after_they_lost_the_case(office):
    """They lose it between the question whether they may see it and what they are shown."""
    number = office.bring("disposed")
    lost = []

    def lose(_, __, statement, *___):
        if "FROM case_event" in statement and not lost:
            lost.append("losing")
            lost.append(office.act(number, "return", "liaison", **BODIES["return"]).status_code)

    sa.event.listen(office.db.engine, "before_cursor_execute", lose)
    seen = office.case(number, "liaison")
    sa.event.remove(office.db.engine, "before_cursor_execute", lose)

    assert lost == ["losing", 200]
    assert (seen["status"], seen["history"][-1]["action"]) == ("disposed", "dispose")
    assert office.ask("GET", f"/v1/cases/{number}", as_="liaison").status_code == 404


def test_an_inactive_agency_gets_no_new_case(office):
    body = {"name": "Dinas Perpustakaan dan Kearsipan", "active": False}
    office.ask("PUT", "/v1/agencies/dispersip", body, "administrator")
    number = office.open()
    office.act(number, "verification", "coordinator", **VERIFY[2])
    answer = office.act(number, "disposition", "coordinator", agency="dispersip")
    assert answer.json["errors"][0]["rule"] == "active"


def test_an_inactive_agency_can_be_complained_about_and_reads_nothing_of_it(office):
    old = office.bring("in_progress", received_at=ago(office, hours=2))
    office.ask(
        "PUT", "/v1/agencies/dpupr", {"name": "Dinas PUPR", "active": False}, "administrator"
    )
    number = office.open(agency="dpupr", confidentiality="confidential")

    accused = {"class": "supervisory", "complains_about": "dpupr"}
    verified = office.act(number, "verification", "coordinator", **accused)
    merged = office.act(number, "merge", "coordinator", into=old, reason="the same road")
    seen = office.ask("GET", f"/v1/cases/{number}", as_="liaison")
    office.ask("PUT", "/v1/agencies/dpupr", {"name": "Dinas PUPR", "active": True}, "administrator")

    assert (verified.status_code, merged.status_code, seen.status_code) == (200, 422, 404)
    assert merged.json["errors"][0]["rule"] == "party"

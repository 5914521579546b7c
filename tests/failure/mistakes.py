"""What people and their programs do wrong, with all about themselves in every wrong place."""

import json
from collections.abc import Iterator
from typing import Any

import httpx

from deploy.local.system import System
from tests.failure.canaries import Canary, Sink
from tests.failure.lives import Life, new_key, raw, report
from tests.failure.people import NIK, OTHER, OTHER_NIK, PERSON

WRONG_CODE = "7KEN4-R1SLH-QZ8W2-KEN4R-QZ5A1-7"
WRONG_PASSWORD = "sandi salah kenariqz 4471"
PASSWORD_AS_NAME = "sandi-kenariqz-di-kolom-nama-9921"
WRONG_TOKEN = "bukantokenkenariqz-5582-aaaaaaaaaaaaaaaaaaaa"
MISTAKEN = [
    Canary("wrong code", WRONG_CODE),
    Canary("wrong password", WRONG_PASSWORD),
    Canary("password as a name", PASSWORD_AS_NAME),
    Canary("wrong token", WRONG_TOKEN),
]
JSON = {"Content-Type": "application/json"}
WHOLE = json.dumps(PERSON | {"nik": NIK})  # all about somebody, as one text


def by_reporters(life: Life) -> None:
    """Every way in which a reporter's program is wrong, each answered as the table says."""
    number, code = life.mine["open"].number, life.mine["open"].code
    client = life.mine["open"].client
    good = report("open", PERSON)

    def post(wanted: int, path: str, headers: dict[str, str] | None = None, **what: Any) -> None:
        answer = client.post(path, headers=new_key() | (headers or {}), **what)
        assert answer.status_code == wanted, (path, answer.status_code, answer.text)

    for wrong in _wrong_reports(good):
        post(422, "/reports", json=wrong)
    for body in (WHOLE.encode()[:-1], WHOLE.encode() + b"}", f'{{"{NIK}": "\\u0000"}}'.encode(),
                 f'{{"a": {{"{OTHER["name"]}": "\\ud800"}}}}'.encode(), WHOLE.encode("utf-16"),
                 f'{{"nik": "{NIK}", "nik": "{NIK}"}}'.encode(), f"[{NIK}]".encode(),
                 b""):  # fmt: skip
        answer = client.post("/reports", headers=new_key() | JSON, content=body)
        assert answer.status_code in (400, 422), (body, answer.text)
    post(415, "/reports", data=PERSON)
    post(415, "/reports", headers={"Content-Type": f"text/plain; nik={NIK}"}, content=WHOLE)
    post(415, "/reports", files={PERSON["name"]: (f"{NIK}.jpg", WHOLE.encode())})
    post(413, "/reports", headers=JSON, content=(WHOLE * 400).encode())
    post(422, "/reports", headers={"Idempotency-Key": f"{PERSON['email']}-dan-kunci é".encode()},
         json=good)  # fmt: skip
    again = new_key()
    post(201, "/reports", headers=again, json=good)
    post(201, "/reports", headers=again, json=good)
    post(422, "/reports", headers=again, json=good | {"text": WHOLE})
    own = {"Tracking-Code": code}
    post(409, f"/reports/{number}/acceptance", own, json={"stars": 5, "comment": WHOLE})
    post(422, f"/reports/{number}/supplements", own, json={"text": "x", NIK: WHOLE})
    post(404, f"/reports/{number}/supplements", {"Tracking-Code": NIK}, json={"text": WHOLE})
    post(404, f"/reports/{NIK}/supplements?nik={NIK}", json={"text": WHOLE})
    post(404, f"/reports/{PERSON['email']}", json=PERSON)
    post(404, f"/reports/{number}/{PERSON['phone']}?{NIK}={PERSON['name']}", json=PERSON)
    for path in (f"/reports?nik={NIK}&code={WRONG_CODE}", "/reports/track"):
        answer = client.request("GET", path, content=WHOLE.encode())
        assert answer.status_code == 405
    for _ in range(12):
        answer = client.post("/reports/track", json={"number": number, "code": WRONG_CODE})
        assert answer.status_code in (404, 429)
    assert answer.status_code == 429
    post(422, "/reports/track", json={"number": number, "code": WHOLE})


def _wrong_reports(good: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Each breaks one rule with somebody's data."""
    contact = good["contact"]
    for more in (
        {"nik": NIK}, {"name": NIK * 10}, {"phone": f"nomor {PERSON['phone']}"}, {NIK: "1"},
        {"email": f"{PERSON['email']}\r\nBcc: {OTHER['email']}"},
        {"email": f"=?utf-8?q?{PERSON['email']}=0ABcc?="}, {"email": f"{PERSON['email']}\u2028x"},
        {"language": PERSON["name"]}, {PERSON["email"]: PERSON}, {"address": [PERSON["address"]]},
    ):  # fmt: skip
        yield good | {"contact": contact | more}
    for wrong in (
        {"contact": WHOLE}, {"contact": [PERSON]}, {"kind": PERSON["name"]}, {"nik": NIK},
        {PERSON["name"]: 1}, {NIK: NIK}, {f"a.{OTHER_NIK}": 1}, {"category": PERSON["phone"]},
        {"confidentiality": "anonymous"}, {"event_date": NIK}, {"agency": PERSON["name"]},
        {"place": {"district": NIK}}, {"place": {"district": "63.02.06", PERSON["email"]: 1}},
        {"title": f"{PERSON['name']}\r\nBcc: {PERSON['email']}"}, {"title": WHOLE * 3},
    ):  # fmt: skip
        yield good | wrong


def by_officers(life: Life) -> None:
    """The same for officers, who may know names from elsewhere."""
    number = life.mine["confidential"].number
    coordinator, agency = life.officers["koordinator"], life.officers["disdikbud"]

    def ask(wanted: int, who: httpx.Client, path: str, body: Any = None, **what: Any) -> None:
        method = "GET" if body is None else "POST"
        answer = who.request(method, path, json=body, **what)
        assert answer.status_code == wanted, (path, answer.status_code, answer.text)

    nobody = life.people.client({"Authorization": f"Bearer {WRONG_TOKEN}"})
    ask(401, nobody, f"/cases/{number}?nik={NIK}")
    ask(401, nobody, "/officers/password", {"password": WRONG_PASSWORD, "new_password": WHOLE[:99]})
    ask(401, nobody, f"/ombudsman/feed?after={NIK}")
    ask(409, agency.client, f"/cases/{number}/verification", {"class": "ordinary"})
    ask(403, coordinator.client, f"/officers?q={PERSON['name']}")
    ask(404, coordinator.client, f"/cases/{NIK}")
    ask(404, coordinator.client, f"/cases/{NIK}/answer", {"outcome": "fulfilled", "reason": "x",
                                                           "text": WHOLE})  # fmt: skip
    ask(409, coordinator.client, f"/cases/{number}/archive", {"reason": "abusive", "text": WHOLE})
    ask(422, coordinator.client, f"/cases/{number}/merge", {"into": NIK, "reason": WHOLE})
    ask(422, coordinator.client, f"/cases/{number}/archive", {"reason": PERSON["name"], NIK: WHOLE})
    ask(422, coordinator.client, f"/cases?after={PERSON['email']}&{NIK}=1&status={NIK}")
    ask(422, life.officers["admin"].client, "/officers", {"username": PERSON["email"],
                                                          "role": "liaison"})  # fmt: skip
    for username in ("dlh", PASSWORD_AS_NAME, PERSON["email"]):
        for _ in range(7):
            who = {"username": username, "password": WRONG_PASSWORD}
            answer = nobody.post("/officers/sign-in", json=who)
            assert answer.status_code in (401, 429)


def by_machines(system: System) -> Iterator[Sink]:
    """What is no HTTP, or hardly; at the gateway and, past it, at a service's own port."""
    told = f"X-Forwarded-For: {OTHER_NIK}\r\nCookie: {PERSON['email']}\r\nNik: {NIK}\r\n"
    heads = (
        f"GET /{NIK} HTTP/1.1\r\nHost: {PERSON['email']}\r\n{told}\r\n",
        f"POST /api/v1/reports?{PERSON['name']} HTTP/9.9\r\nHost: x\r\n{told}\r\n",
        f"GET /api/v1/reports/%zz{NIK} HTTP/1.1\r\nHost: x\r\n{told}\r\n",
        f"GET /api/v1/cases HTTP/1.1\r\nHost: x\r\n{PERSON['name']} {NIK}\r\n\r\n",
        f"{PERSON['phone']} {PERSON['address']}\r\n\r\n",
        f"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\nContent-Length: {NIK}\r\n{told}\r\n{WHOLE}",
        f"POST /api/v1/reports HTTP/1.1\r\nHost: x\r\n{told}Transfer-Encoding: chunked\r\n\r\n"
        f"{NIK}\r\n{WHOLE}",
        f"GET http://{PERSON['email']}/{NIK} HTTP/1.1\r\nHost: x\r\n\r\n",
        f"GET / HTTP/1.1\r\nHost: x\r\nX: {WHOLE * 200}\r\n\r\n",
        f"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{WHOLE}",
    )
    for head in heads:
        yield raw(system, head.encode())
        yield raw(system, head.encode(), system.ports["intake"][0])

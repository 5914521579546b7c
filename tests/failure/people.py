"""Who lives through the sweep's life: two people, what tells of them, what they write, and where
each of these may be."""

import json
from collections.abc import Iterator
from typing import Any

from deploy.local.system import System
from tests.failure.canaries import Canary

PERSON = {
    "name": "Zulaikha Qanaryasari Wxyzburung",
    "email": "qanary.zulaikha.k@kenari-warga.example",
    "phone": "+62 811-7394-8265",
    "address": "Jalan Kenarilangka 977 RT 88 Gang Burungmalam",
    "language": "id",
}
OTHER = {
    "name": "Burhanuddin Elangrimba Qwertzhutan",
    "email": "elang_burhanuddin@rimba-warga.example",
    "phone": "0852 6041 9378",
    "address": "Kampung Elanghitam 41\nDesa Rimbapinggir",
    "language": "id",  # as the other's: a language is no secret of a mail's
}
POSTS = {  # where the ladder's posts are written to: a post's mailbox may be a person's
    "head_of_coordinator": "kepala.kenaribesar@dinas-kenari.example",
    "sekda": "sekda.kenariraya@tahtakenari-qz.example",
}
NIK, OTHER_NIK = "6302064187520936", "6302105392760418"
ADDRESS = "127.73.94.82"  # all of 127.0.0.0/8 is this machine: it is where requests come from

# What programs and proxies tell of a client without being asked.
TELLING = {
    "X-Forwarded-For": "198.51.100.173, 2001:db8:7394::82a5",
    "Forwarded": 'for="[2001:db8:5511:20::c4fe]";by=203.0.113.243',
    "X-Real-IP": "203.0.113.219",
    "CF-Connecting-IP": "198.51.100.238",
    "True-Client-IP": "2001:db8:8842:77::19ab",
    "X-Client-Hostname": "telepon-zulaikha.kenari-rumah.example",
    "User-Agent": "KenariPeramban/77.3 (Gawai Qz8842; Borneo)",
    "Sec-CH-UA-Model": '"GawaiKenari Qz8842-B"',
    "Cookie": "sesi=kukikenari8842qzx; dari=pasarkenari",
    "Referer": "https://rujukankenari.example/dari?siapa=zulaikhaqz",
    "Origin": "https://asalkenari-qz.example",
    "Accept-Language": "bjn-x-kenaribahasa",
    "From": "dari.kenari.qz@peramban-kenari.example",
    "Via": "1.1 wakilkenari-qz.example",
    "Traceparent": "00-7d9c41b0e2f84a56b3c19d07a5e8f264-9be14c7703fd52a8-01",
    "Tracestate": "kenari=jejakkenariqz88",
    "Baggage": "warga=bagasikenariqz88",
    "X-Request-Id": "mintakenari-5521-qz",
    "X-Device-Id": "gawaikenari-4411-9027-qz",
    "Content-Disposition": 'x; filename="foto-kenari-di-pasar-qz77.jpg"',
    "Warga-Nama": "Zulaikha Pembawakepala Qz",
    f"Nik-{NIK}": "1",
    "Proxy-Authorization": "Basic a2VuYXJpOnNhbmRpd2FraWxxeg==",
}
KEY = "kenarikunciqz-{:04}-8842"  # Idempotency-Keys, which only their sender knows
KEYS = 16


def word(name: str) -> str:
    """A word of a report or an officer's that stands nowhere else."""
    return f"qzkenari{name}wx"


def said(services: str, *streams: str) -> tuple[str, ...]:
    """Where words may be that these services keep and these events carry. The write-ahead log and
    the broker's are one for all."""
    places = ["files/postgres/pg_wal/*", "files/broker/data/*", "answers/given/*"]
    for service in services.split():
        places += [f"database/{service}/*", f"files/postgres/base/{service}/*"]
    return (*places, *(f"tap/*/{stream}" for stream in streams))


IN_REPORTS, IN_REPLIES = ("report.*.v1", "routing.reports"), ("case.reply_written.v1",)
WORDS = {
    **dict.fromkeys(
        ("title", "text", "place", "supplement", "objection", "reopening", "withdrawal", "comment"),
        said("intake routing", *IN_REPORTS),
    ),
    **dict.fromkeys(
        (
            "followup",
            "answer",
            "outcome",
            "evidence",
            "archive",
            "forwarding",
            "recall",
            "outsideword",
            "question",
            "cancellation",
            "correction",
            "protection",
        ),
        said("intake routing", *IN_REPLIES),
    ),
    **dict.fromkeys(("note", "return", "merge", "accused"), said("routing")),
}
FORM: dict[str, Any] = {  # what only the Ombudsman may read
    "full_name": word("fullname"), "birth_place": word("birthplace"), "birth_date": "1931-02-17",
    "marital_status": "married", "occupation": word("occupation"), "address": word("formaddress"),
    "id_number": "6302117702318846", "remedy": word("remedy"),
    "prior_complaint": {"to": word("priorto"), "on": "2026-10-03", "outcome": word("prioroutcome")},
    "proxy": {"full_name": word("proxyname"), "authority": word("proxyauthority")},
}  # fmt: skip
# Only the mail itself says where it goes.
BY_MAIL = ("mails/envelope", "mails/header/To")


def canaries() -> Iterator[Canary]:
    """All that is known before anything has happened."""
    for who, contact in (("reporter", PERSON), ("other reporter", OTHER)):
        for name, value in contact.items():
            if name != "language":
                yield Canary(f"{who}'s {name}", value, BY_MAIL if name == "email" else ())
    for post, address in POSTS.items():
        yield Canary(f"address of the post {post}", address, BY_MAIL)
    yield Canary("NIK", NIK)
    yield Canary("other NIK", OTHER_NIK)
    told = {**FORM, **FORM["prior_complaint"], **FORM["proxy"]}
    for value in {v for part in (FORM, told) for v in part.values() if isinstance(v, str)}:
        if value not in ("married", "2026-10-03"):  # which others say too
            yield Canary(f"form's {value}", value)
    yield Canary("address that asks", ADDRESS)
    for header, value in TELLING.items():
        yield Canary(f"header {header}", value)
    yield Canary("address in X-Forwarded-For", "2001:db8:7394::82a5")
    yield Canary("address in Forwarded", "2001:db8:5511:20::c4fe")
    yield Canary("trace id", "7d9c41b0e2f84a56b3c19d07a5e8f264")
    for n in range(KEYS):
        yield Canary("Idempotency-Key", KEY.format(n))
    for name, allowed in WORDS.items():
        yield Canary(f"word of {name}", word(name), allowed)


def secrets_of(system: System) -> Iterator[Canary]:
    """Every secret that the system was made with: each may be in its own file, and an address with
    its password in the environment of the process that needs it."""
    for file in sorted(system.secrets_folder.iterdir()):
        text = file.read_text().strip()
        if file.name.startswith("seeded-"):
            for line in text.splitlines():
                if line.startswith("officer "):
                    yield Canary("first password", line.split()[2], (f"files/secrets/{file.name}",))
        elif file.name.endswith("-password"):
            service = file.name.split("-")[0]
            own = f"processes/{service}-*/environment"
            yield Canary(file.name, text, (f"files/secrets/{file.name}", own), random=True)
        elif file.name.endswith(("pepper", "bearer-key")):
            yield Canary(file.name, text, (f"files/secrets/{file.name}",), random=True)
        elif file.name in (
            "kek.json", "notify-private-key.json", "feed-signing-key.json",
            "ombudsman-private-key.json", "ombudsman-signing-key.json",
        ):  # fmt: skip
            for value in _long(text):
                yield Canary(file.name, value, ("files/secrets/*",), random=True)


def _long(document: str) -> list[str]:
    """The secret values of a JSON document of keys: public halves stand in other files too."""
    found: list[str] = []

    def walk(value: Any, name: str) -> None:
        if isinstance(value, dict):
            for key, below in value.items():
                walk(below, key)
        elif isinstance(value, list):
            for below in value:
                walk(below, name)
        elif isinstance(value, str) and len(value) >= 40 and name not in ("x", "y", "kid"):
            found.append(value)

    walk(json.loads(document), "")
    return found

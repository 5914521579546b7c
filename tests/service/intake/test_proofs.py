"""A reporter can show others what was received, and they need nothing of ours but the keys."""

import base64
import json
from datetime import date
from types import SimpleNamespace

import httpx
import pytest
from joserfc.jwk import ECKey

from chassis.database import Transactions, engine
from services.intake import domain, seed
from services.intake.config import Settings
from tests.harness import guides
from tests.harness.forms import FORM
from tests.harness.processes import ServiceProcess
from tests.harness.waiting import eventually
from tests.service.intake.conftest import REPORT, key

TOOL = guides.TOOLS / "verify-receipt" / "verify_receipt.py"
PROMISED = {"verify_by": "2026-12-02", "follow_up_by": "2026-12-09", "settle_by": "2026-12-14"}


def unbase64(text):
    return base64.urlsafe_b64decode(text + "==")


def told(ran):
    """What the tool proved, after its verdict."""
    return ran.returncode, json.loads(ran.stdout.partition("\n")[2] or "null")


def test_a_receipt_is_proved_by_the_keys_that_everybody_may_read(api, tmp_path):
    receipt = api.post("/v1/reports", json=REPORT, headers=key()).json()
    (tmp_path / "receipt.json").write_text(json.dumps(receipt))

    code, proved = told(guides.run(TOOL, tmp_path, "--url", str(api.base_url), "receipt.json"))

    assert code == 0
    assert (proved["number"], proved["promised"]) == (receipt["number"], receipt["promised"])
    assert proved["received_at"] == receipt["received_at"]
    shown = proved["said"]
    assert {name: shown[name] for name in REPORT if name != "contact"} == {
        name: said for name, said in REPORT.items() if name != "contact"
    }
    for secret in ("contact", "Siti", "siti@", receipt["code"], receipt["code"].replace("-", "")):
        assert secret not in json.dumps(proved)


DEEDS = {
    "supplements": ("in_progress", "reporter.supplement", {"text": "Kemarin banjir lagi."}),
    "objections": ("answered", "reporter.object", {"reason": "Belum diperbaiki."}),
    "acceptance": ("answered", "reporter.accept", {"stars": 5, "comment": "Terima kasih."}),
    "reopening": ("closed", "reporter.reopen", {"reason": "Rusak lagi."}),
    "withdrawal": ("in_progress", "reporter.withdraw", {"reason": "Sudah selesai."}),
    "consent-withdrawal": ("archived", "reporter.withdraw_consent", {}),
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_a_reporter_does_later_is_proved_too(api, intake_db, receipt, tmp_path, deed):
    status, what, body = DEEDS[deed]
    intake_db.psql("UPDATE report SET status = %s", [status])
    own = {"Tracking-Code": receipt["code"]}

    noted = api.post(f"/v1/reports/{receipt['number']}/{deed}", json=body, headers=own).json()

    ran = guides.run(TOOL, tmp_path, "--url", str(api.base_url), "-", said=json.dumps(noted))
    code, proved = told(ran)
    assert code == 0, ran.stdout + ran.stderr
    assert (proved["number"], proved["what"]) == (receipt["number"], what)
    assert (proved["received_at"], proved["said"]) == (noted["noted_at"], body)
    known = {name: receipt[name] for name in ("number", "code")}
    entry = api.post("/v1/reports/track", json=known).json()["timeline"][-1]
    assert (entry["what"], entry["at"]) == (what, noted["noted_at"])


def test_a_consent_is_proved_without_who_consents(api, intake_db, receipt, tmp_path):
    own = {"Tracking-Code": receipt["code"]}
    url = f"/v1/reports/{receipt['number']}/escalation-consent"

    noted = api.post(url, json={"dossier": FORM}, headers=own).json()

    ran = guides.run(TOOL, tmp_path, "--url", str(api.base_url), "-", said=json.dumps(noted))
    assert told(ran)[0] == 0, ran.stdout + ran.stderr
    assert told(ran)[1]["said"] == {"with_identity": True}
    token = noted["proof"].split("~")[0].split(".")[1]
    for part in (token, noted["proof"].split("~")[1]):
        assert not any(str(value) in str(unbase64(part)) for value in FORM.values())


def test_the_promised_dates_are_signed(api, intake_db, tmp_path):
    by_kind = json.dumps(dict.fromkeys(domain.Kind, PROMISED["settle_by"]))
    days = "generate_series(now() - interval '1 day', now() + interval '1 day', interval '1 day')"
    intake_db.psql(
        f"INSERT INTO promise SELECT day::date, %s, %s, %s FROM {days} day",
        [date.fromisoformat(PROMISED[name]) for name in ("verify_by", "follow_up_by")] + [by_kind],
    )

    receipts = []

    def promised():  # what is promised is looked up anew after a second
        receipts.append(api.post("/v1/reports", json=REPORT, headers=key()).json())
        return receipts[-1]["promised"]

    eventually(promised, "the dates")
    receipt = receipts[-1]
    (tmp_path / "receipt.json").write_text(json.dumps(receipt))
    code, proved = told(guides.run(TOOL, tmp_path, "--url", str(api.base_url), "receipt.json"))
    assert (code, proved["promised"]) == (0, PROMISED)
    (tmp_path / "receipt.json").write_text(json.dumps(receipt | {"promised": None}))
    assert told(guides.run(TOOL, tmp_path, "--url", str(api.base_url), "receipt.json"))[0] == 1


def test_a_receipt_that_is_not_signed_says_so(intake_db, surroundings, state):
    process = ServiceProcess("api", intake_db, surroundings, state, RECEIPTS_SIGNED="false")
    process.start()
    answer = httpx.post(f"{process.url}/v1/reports", json=REPORT, headers=key())
    process.stop()

    assert (answer.status_code, answer.json()["proof"]) == (201, None)


def test_who_sends_again_gets_the_same_proof(api):
    once = key()
    proofs = {api.post("/v1/reports", json=REPORT, headers=once).json()["proof"] for _ in range(3)}

    assert len(proofs) == 1


def test_nothing_of_a_proof_is_kept_that_we_could_read(api, intake_db):
    """The words are hashed with a salt that only the reporter has from then on."""
    proof = api.post("/v1/reports", json=REPORT, headers=key()).json()["proof"]

    tables = [t for (t,) in intake_db.psql("SELECT tablename FROM pg_tables"
                                           " WHERE schemaname = 'public'")]  # fmt: skip
    whole = str([intake_db.psql(f"SELECT t::text FROM {table} t") for table in tables])
    assert REPORT["title"] in whole
    assert REPORT["title"].encode().hex() in str(intake_db.psql(PLANTED))  # what is bytes is found
    for part in (*proof.split(".")[1:], proof.split("~")[1]):
        assert part[:40] not in whole
        assert part[:40].encode().hex() not in whole


PLANTED = f"SELECT t::text FROM (SELECT convert_to('{REPORT['title']}', 'UTF8') AS planted) t"


@pytest.fixture
def shown(intake_db, tmp_path):
    """Seeds with a signing key of its own, as an installation does each time that it comes up."""
    bind = engine(intake_db.url, 1)
    file = tmp_path / "receipt-key.json"

    def seeded(private):
        file.write_text(json.dumps(private))
        told = SimpleNamespace(
            data_dir=Settings.data_dir,
            receipt_key=file.read_bytes(),
            clock_file=None,
            tracking_pepper=b"p",
        )
        seed.run(told, Transactions(bind))
        return {"RECEIPT_KEY_FILE": str(file)}

    yield seeded
    bind.dispose()


def private_key():
    made = ECKey.generate_key("P-256")
    return {**made.as_dict(private=True), "kid": made.thumbprint()}


def test_keys_have_no_secret_in_them_and_stay_when_another_signs(
    shown, intake_db, surroundings, state, tmp_path
):
    receipts, made = [], [private_key(), private_key()]
    for private in made:
        process = ServiceProcess("api", intake_db, surroundings, state, **shown(private)).start()
        with httpx.Client(base_url=process.url) as client:
            receipts.append(client.post("/v1/reports", json=REPORT, headers=key()).json())
            keys = client.get("/v1/receipts/keys").json()
        process.stop()

    public = [{name: value for name, value in one.items() if name != "d"} for one in made]
    assert keys["keys"][-2:] == public
    assert not any("d" in jwk for jwk in keys["keys"])
    (tmp_path / "keys.json").write_text(json.dumps(keys))
    for receipt in receipts:
        ran = guides.run(TOOL, tmp_path, "--keys", "keys.json", "-", said=json.dumps(receipt))
        assert told(ran)[0] == 0, ran.stdout + ran.stderr


def test_each_key_is_said_once_for_the_ombudsman_to_keep(shown, intake_db):
    first, second = private_key(), private_key()
    for private in (first, first, second, first):
        shown(private)

    said = intake_db.psql("SELECT data FROM outbox WHERE type = 'receipt.key_shown.v1' ORDER BY id")
    assert [data["kid"] for (data,) in said] == [first["kid"], second["kid"]]
    assert set(said[0][0]) == {"kid", "x", "y", "at"}

"""The regency's doors, as the Ombudsman knocks on them."""

import base64
import json
import time
from pathlib import Path

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

WAIT = 20  # seconds that the feed may let us wait for news
PAGE, CHECKPOINTS = 2000, 500  # of each as many as a page may have
LATER = (408, 429)  # refusals that are none


class Away(Exception):
    """The regency cannot be reached, or cannot answer for the moment; or somebody in between did,
    in a form that it never uses."""


class Refused(Exception):
    """It answered, and said no: a 4xx, but one that says `later`."""

    def __init__(self, status, problem):
        super().__init__(f"{status}: {problem.get('title')} {problem.get('errors', '')}")
        self.status, self.problem = status, problem
        self.code = str(problem.get("code"))


class Office:
    """Speaks HTTP; raises Away or Refused."""

    def __init__(self, config):
        bearer = Path(config["bearer"]).read_text("ascii").strip()
        self._client = httpx.Client(
            base_url=config["url"].rstrip("/") + "/v1/ombudsman/",
            headers={"Authorization": f"Bearer {bearer}"},
            timeout=WAIT + 15,
            verify=config.get("ca") or True,
            proxy=config.get("proxy") or None,
            trust_env=False,
        )

    def ask(self, method, path, members=None, **more):
        """The answer, a JSON object that has these members, of these types."""
        try:
            answer = self._client.request(method, path, **more)
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise Away(type(error).__name__) from None
        status = answer.status_code
        if 400 <= status < 500 and status not in LATER:
            raise Refused(status, _object(answer) or {})
        if status != 200:
            raise Away(f"it answered {status}")
        told = _object(answer)
        if told is None or not all(type(told.get(n)) is t for n, t in (members or {}).items()):
            raise Away("what it answered is not of its form")
        return told

    def page(self, stream, after, wait):
        asked = {"stream": stream, "after": after, "limit": PAGE, "wait": wait}
        return self._page("feed", "events", asked)

    def checkpoints(self, stream, after):
        asked = {"stream": stream, "after": after, "limit": CHECKPOINTS}
        return self._page("checkpoints", "checkpoints", asked)

    def _page(self, path, name, asked):
        """Where nothing is, no more can be: else we would ask without a rest, and for ever."""
        told = self.ask("GET", path, {name: list, "cursor": str, "more": bool}, params=asked)
        if told["more"] and not told[name]:
            raise Away("it says that there is more, and shows nothing")
        return told

    def keys(self):
        return self.ask("GET", "keys", {"keys": list})["keys"]

    def epochs(self, stream):
        return self.ask("GET", "epochs", {"epochs": list}, params={"stream": stream})["epochs"]

    def acknowledge(self, stream, cursor, hash):
        body = {"stream": stream, "cursor": cursor, "hash": hash}
        return self.ask("POST", "acknowledgements", json=body)

    def dossier(self, number):
        return self.ask("GET", f"dossiers/{number}")

    def answer(self, number, body, headers):
        headers = {"Content-Type": "application/json", **headers}
        path = f"handovers/{number}/answers"
        return self.ask("POST", path, content=body, headers=headers)


def _object(answer):
    """The JSON object that it is, or None."""
    try:
        told = answer.json()
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def sign(key_file, id, body):
    """The three headers of Standard Webhooks (v1a): this body, under this id, sent now."""
    key = OKPKey.import_key(json.loads(Path(key_file).read_text())).private_key
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"{key_file} is no private Ed25519 JWK")
    seconds = str(int(time.time()))
    signature = key.sign(f"{id}.{seconds}.".encode() + body)
    told = f"v1a,{base64.b64encode(signature).decode()}"
    return {"webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": told}

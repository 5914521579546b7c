"""The regency's doors, as the Ombudsman knocks on them."""

import base64
import hashlib
import json
import time
from pathlib import Path

import httpx
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc import jwe
from joserfc.jwk import OKPKey, import_key
from joserfc.registry import HeaderParameter

WAIT = 20  # seconds that the feed may let us wait for news
PAGE, CHECKPOINTS = 2000, 500  # of each as many as a page may have


class Away(Exception):
    """The regency cannot be reached, or cannot answer for the moment."""


class Refused(Exception):
    """It answered, and said no."""

    def __init__(self, status, problem):
        super().__init__(f"{status}: {problem.get('title')} {problem.get('errors', '')}")
        self.status, self.problem = status, problem


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

    def ask(self, method, path, **more):
        """The answer as JSON."""
        try:
            answer = self._client.request(method, path, **more)
        except httpx.TransportError as error:
            raise Away(type(error).__name__) from None
        if answer.status_code in (429, 502, 503, 504):
            raise Away(f"it answered {answer.status_code}")
        if answer.is_error:
            raise Refused(answer.status_code, _problem(answer))
        return answer.json()

    def page(self, stream, after, wait):
        asked = {"stream": stream, "after": after, "limit": PAGE, "wait": wait}
        return self.ask("GET", "feed", params=asked)

    def checkpoints(self, stream, after):
        asked = {"stream": stream, "after": after, "limit": CHECKPOINTS}
        return self.ask("GET", "checkpoints", params=asked)

    def keys(self):
        return self.ask("GET", "keys")["keys"]

    def epochs(self, stream):
        return self.ask("GET", "epochs", params={"stream": stream})["epochs"]

    def acknowledge(self, stream, cursor, hash):
        body = {"stream": stream, "cursor": cursor, "hash": hash}
        return self.ask("POST", "acknowledgements", json=body)

    def dossier(self, number):
        return self.ask("GET", f"dossiers/{number}")

    def answer(self, number, body, headers):
        headers = {"Content-Type": "application/json", **headers}
        path = f"handovers/{number}/answers"
        return self.ask("POST", path, content=body, headers=headers)


def _problem(answer):
    try:
        return dict(answer.json())
    except (json.JSONDecodeError, ValueError):
        return {}


def sign(key_file, id, body):
    """The three headers of Standard Webhooks (v1a): this body, under this id, sent now."""
    key = OKPKey.import_key(json.loads(Path(key_file).read_text())).private_key
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"{key_file} is no private Ed25519 JWK")
    seconds = str(int(time.time()))
    signature = key.sign(f"{id}.{seconds}.".encode() + body)
    told = f"v1a,{base64.b64encode(signature).decode()}"
    return {"webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": told}


def why_false(answer, entry):
    """Why a dossier is not the one that the feed tells of, or None."""
    dossier, told = answer["dossier"], entry["data"].get("dossier") or {}
    digest = hashlib.sha256(rfc8785.dumps(dossier)).hexdigest()
    if digest != told.get("sha256"):
        return "its hash is not the feed's"
    named = {part["sha256"] for part in dossier.get("parts", [])}
    for part in answer["sealed"]:
        if hashlib.sha256(part["sealed"].encode()).hexdigest() not in named:
            return "a sealed part is not one that it names"
    return None


def unseal(answer, number, key_file):
    """The sealed parts, opened where our key fits: each `{part, opened}` or `{part, error}`."""
    found = json.loads(Path(key_file).read_text())
    keys = {one["kid"]: import_key(one) for one in found.get("keys", [found])}
    registry = jwe.JWERegistry(
        header_registry={"sub": HeaderParameter("Subject", "str", required=True)},
        algorithms=["ECDH-ES", "A256GCM"],
    )
    opened = []
    for part in answer["sealed"]:
        one = {"part": part["part"], "sha256": part["sha256"]}
        try:
            inside = jwe.decrypt_compact(part["sealed"], keys[part["key_id"]], registry=registry)
            if inside.protected.get("sub") != number:
                raise ValueError("sealed for another case")
            one["opened"] = json.loads(inside.plaintext)
        except Exception as error:
            one["error"] = f"{type(error).__name__}: {error}"
        opened.append(one)
    return opened

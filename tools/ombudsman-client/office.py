"""The regency's doors, as the Ombudsman knocks on them. No answer fills the memory, or keeps us
waiting for ever, however slowly it drips."""

import base64
import json
import re
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
from chain import is_deep
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.errors import JoseError
from joserfc.jwk import OKPKey

WAIT = 20  # seconds that the feed may let us wait for news
PAGE, CHECKPOINTS = 2000, 500  # of each as many as a page may have
PATIENCE, LARGEST = 300, 2**25  # seconds and bytes for one answer
LATER = (408, 429)  # refusals that are none
TAKEN = ("number", "answer", "at")  # what is told of an answer that has taken effect
ACKNOWLEDGED = {"stream": str, "epoch": int, "position": int}
CURSOR = re.compile(r"[!-~]{0,100}")
BEARER = re.compile(r"[!-~]+")
NO_FORM = "what it answered is not of its form"
NOTHING_NEW = "it says that there is more, and shows nothing new"
GIVEN_UP = "nothing of it is kept. Try again, and call the regency if it stays so"


class Away(Exception):
    """The regency cannot be reached, or cannot answer for the moment; or somebody in between did,
    in a form that it never uses."""


class Silent(Away):
    """No answer came."""


class Late(Silent):
    """It came so slowly that it was given up."""


class Refused(Exception):
    """It answered, and said no: a 4xx, but one that says `later`."""

    def __init__(self, status, problem):
        super().__init__(f"{status}: {problem.get('title')} {problem.get('errors', '')}")
        self.status, self.problem = status, problem
        self.code = str(problem.get("code"))


class Office:
    """Speaks HTTP, in the main thread only; raises Away or Refused."""

    def __init__(self, config):
        self._config = config
        self._client = _client(config)

    def ask(self, method, path, members=None, **more):
        """The answer, a JSON object that has these members, of these types."""
        try:
            with _in_time(path), self._client.stream(method, path, **more) as answer:
                status = answer.status_code
                is_refused = 400 <= status < 500 and status not in LATER
                if status != 200 and not is_refused:
                    raise Away(f"it answered {status}")
                told = _object(_read(answer, path))
        except httpx.TransportError as error:
            raise Silent(type(error).__name__) from None
        except Late:
            self._client = _client(self._config)  # the other was stopped wherever it was
            raise
        if is_refused:
            raise Refused(status, {} if told is None or is_deep(told) else told)
        if told is None or not all(type(told.get(n)) is t for n, t in (members or {}).items()):
            raise Away(NO_FORM)
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
        if not is_cursor(told["cursor"]):  # kept, it could never be asked with
            raise Away(NO_FORM)
        if told["more"] and not told[name]:
            raise Away(NOTHING_NEW)
        return told

    def keys(self):
        return self.ask("GET", "keys", {"keys": list})["keys"]

    def epochs(self, stream):
        return self.ask("GET", "epochs", {"epochs": list}, params={"stream": stream})["epochs"]

    def acknowledge(self, place, cursor, hash):
        """`place`: the stream, the epoch and the position that the cursor stands after. Raises Away
        unless it is this one that is noted."""
        body = {"stream": place["stream"], "cursor": cursor, "hash": hash}
        told = self.ask("POST", "acknowledgements", {**ACKNOWLEDGED, "at": str}, json=body)
        _same(told, place)

    def dossier(self, number):
        return self.ask("GET", f"dossiers/{number}")

    def answer(self, number, body, headers):
        """What was taken, and when: this number and the answer of the body. Raises Away for
        anything else."""
        headers = {"Content-Type": "application/json", **headers}
        path = f"handovers/{number}/answers"
        told = self.ask("POST", path, dict.fromkeys(TAKEN, str), content=body, headers=headers)
        _same(told, {"number": number, "answer": json.loads(body)["answer"]})
        return {name: told[name] for name in TAKEN}


def _same(told, sent):
    """Raises Away unless it tells of what was sent: else somebody in between has answered."""
    if any(told[name] != value for name, value in sent.items()):
        raise Away(NO_FORM)


def is_cursor(text):
    """Whether it has the form of a cursor, and so can stand in an address."""
    return isinstance(text, str) and CURSOR.fullmatch(text) is not None


def _client(config):
    """What is sent compressed could be a thousand times as large: we do not ask for it."""
    bearer = Path(config["bearer"]).read_text("utf-8", errors="replace").strip()
    if not BEARER.fullmatch(bearer):
        raise SystemExit(
            f"{config['bearer']} is no bearer key: one line of letters, digits and signs"
        )
    return httpx.Client(
        base_url=config["url"].rstrip("/") + "/v1/ombudsman/",
        headers={"Authorization": f"Bearer {bearer}", "Accept-Encoding": "identity"},
        timeout=WAIT + 15,
        verify=config.get("ca") or True,
        proxy=config.get("proxy") or None,
        trust_env=False,
    )


@contextmanager
def _in_time(path):
    """Raises Late amid the block when PATIENCE is over. Each wait in it has an end; who drips makes
    a new one with each drop."""

    def late(*_):
        raise Late(f"{path}: not answered within {PATIENCE} seconds; {GIVEN_UP}")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _read(answer, path):
    """What it says, as it came. Raises Away for more than LARGEST bytes."""
    said = bytearray()
    for some in answer.iter_raw():
        said += some
        if len(said) > LARGEST:
            raise Away(f"{path}: answered with more than {LARGEST} bytes; {GIVEN_UP}")
    return bytes(said)


def _object(said):
    """The JSON object that it is, or None."""
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def sign(key_file, id, body):
    """The three headers of Standard Webhooks (v1a): this body, under this id, sent now."""
    try:
        key = OKPKey.import_key(json.loads(Path(key_file).read_text("utf-8"))).private_key
    except (JoseError, TypeError, ValueError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise SystemExit(f"{key_file} is no private Ed25519 JWK")
    seconds = str(int(time.time()))
    signature = key.sign(f"{id}.{seconds}.".encode() + body)
    told = f"v1a,{base64.b64encode(signature).decode()}"
    return {"webhook-id": id, "webhook-timestamp": seconds, "webhook-signature": told}

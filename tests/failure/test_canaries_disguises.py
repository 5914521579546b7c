"""The search finds a value in every disguise: wrapped, compressed, cut up, digested, in part."""

import base64
import gzip
import hashlib
import io
import ipaddress
import quopri
import zlib

import pytest

from tests.failure.canaries import Canary, Sweep
from tests.failure.disguises import disguises

VALUES = {
    "name": "Zulaikha Qanaryasari Wxyzburung",
    "number": "6302064187520936",
    "telephone": "+62 811-7394-8265",
    "mail": "qanary.zulaikha@kenari-warga.example",
    "address": "Jalan Kenarilangka 977 “RT” 88\nGang & Burung",
    "ipv6": "2001:db8:7394::82a5",
}
FORWARDED = {"forwarded": 'for=198.51.100.173;by="[2001:db8:5511::c4fe]"'}
SWEEP = Sweep(Canary(name, value) for name, value in (VALUES | FORWARDED).items())
EACH = pytest.mark.parametrize("name", list(VALUES))
NEAR = b"\x00\x07x= "  # what stands around; no digit, or a number would be another one


def found_in(content: bytes, folder) -> set[str]:
    """The names of what is found in one place."""
    leaks = SWEEP.leaks([("place", content)], folder / "sinks")
    return {hit.partition(" (")[0] for hits in leaks.values() for hit in hits}


@EACH
def test_every_disguise_is_seen_through(name, tmp_path):
    forms = list(disguises(VALUES[name]))
    places = [(f"{n} {kind}", NEAR + turned + NEAR) for n, (kind, form) in enumerate(forms)
              for turned in {form, form.upper(), form.lower()}]  # fmt: skip

    leaks = SWEEP.leaks(places, tmp_path / "sinks")

    assert {place for place, _ in places} - set(leaks) == set()
    assert len(forms) > 100


@EACH
def test_what_is_wrapped_or_compressed_is_unwrapped(name, tmp_path):
    raw = f"{'banyak kata sebelum ini ' * 3}{VALUES[name]} dan banyak lagi sesudahnya".encode()
    held = io.BytesIO()
    with gzip.GzipFile(fileobj=held, mode="wb") as packed:
        packed.write(raw)

    for wrapped in (
        base64.encodebytes(raw), quopri.encodestring(raw), zlib.compress(raw), gzip.compress(raw),
        zlib.compress(b"x" * 99 + gzip.compress(base64.encodebytes(raw))), held.getvalue()[:-6],
        b"\x83P" + zlib.compress(raw, 9)[:-4], base64.encodebytes(raw).replace(b"\n", b"\\n"),
        raw.replace(b" ", b"=\r\n "), raw[:77] + b'"\n    "' + raw[77:],
    ):  # fmt: skip
        assert name in found_in(NEAR + wrapped + NEAR, tmp_path) | found_in(wrapped, tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hubungi 73948265", {"telephone"}),
        ("****7394-8265", {"telephone"}),
        ("0811 7394 8265", {"telephone"}),
        ("0811739482", set()),
        ("630206-418752-0936", {"number"}),
        ("8752 0937", set()),
        ("".join(f"\\u0026#{ord(one)};" for one in "Zulaikha Qanaryasari"), {"name"}),
        (base64.b64encode(b"zulaikha qanaryasari wxyzburung").decode(), {"name"}),
        (b"QANARY.ZULAIKHA@KENARI-WARGA.EXAMPLE".hex(), {"mail"}),
        ("<<" + ",".join(map(str, b"Zulaikha Qanaryasari Wxyzburung")) + ">>", {"name"}),
        ("".join(f"\\{byte:03o}" for byte in b"Qanaryasari"), {"name"}),
        ("2001:0db8:7394:0000:0000:0000:0000:82a5", {"ipv6"}),
        ("2001:db8:7394::/64", {"ipv6"}),
        (str(int(ipaddress.ip_address("198.51.100.173"))), {"forwarded"}),
        ("from 198.51.100.0/24", {"forwarded"}),
        ("173.100.51.198.in-addr.arpa", {"forwarded"}),
        (hashlib.sha256(b"198.51.100.173").hexdigest(), {"forwarded"}),
        ("198.51.101.173", set()),
        ("08117394 8265 dan 081173948265", {"telephone"}),
        ("xxxxxxxx87520936", {"number"}),
        ("0.87520936", {"number"}),
        ("time 187520936.5", set()),
        ("sha 87520936cafe87520936", set()),
        ("QANARYASARI", {"name"}),
        ("kepada qanary.zulaikha", {"mail"}),
        (hashlib.sha256(b"+628117394-8265").hexdigest(), set()),
        (hashlib.sha256(b"081173948265").hexdigest(), {"telephone"}),
        (hashlib.sha224(b"081173948265").hexdigest(), {"telephone"}),
        (hashlib.sha384(b"87520936").hexdigest(), {"number"}),
        (hashlib.sha1(b"6302064187520936").hexdigest()[:20], {"number"}),  # noqa: S324 - planted
    ],
)
def test_parts_and_digests_are_enough_and_other_numbers_are_not(text, expected, tmp_path):
    assert found_in(f"<{text}>".encode(), tmp_path) == expected


@pytest.mark.parametrize("name", ["number", "mail"])
def test_what_goes_over_a_page_of_the_databases_log_is_found(name, tmp_path):
    """Each page has a head, the first of a segment a longer one; it is known by its second byte."""
    records = b"\0" * (8192 - 40 - 12) + VALUES[name].encode()
    first, rest = records[: 8192 - 40], records[8192 - 40 :].ljust(8192 - 24, b"\0")
    segment = b"\x18\xd1\x02" + b"\x01" * 37 + first + b"\x18\xd1\x05" + b"\x01" * 21 + rest

    assert found_in(segment, tmp_path) == {name}
    assert found_in(b"\x18\x01" + segment[2:], tmp_path) == set()


def test_a_value_may_be_where_it_is_allowed_and_a_random_one_may_be_digested(tmp_path):
    allowed = Canary("mail", VALUES["mail"], ("mails/header/To", "mails/envelope*"))
    session = Canary("session", "w0YkQ2l7c3VzYWggc2VrYWxp", random=True)
    digest = hashlib.sha256(session.value.encode()).hexdigest().encode()
    places = [("mails/header/To", allowed.value.encode()), ("mails/text", allowed.value.encode()),
              ("log", digest), ("log 2", session.value.encode())]  # fmt: skip

    leaks = Sweep([allowed, session]).leaks(places, tmp_path / "sinks")

    assert set(leaks) == {"mails/text", "log 2"}


def test_files_are_searched_where_they_lie_and_across_every_boundary(tmp_path):
    held = tmp_path / "held"
    held.write_bytes(b"\0" * 4090 + VALUES["name"].encode() + b"\xff\n" * 70_000)

    assert set(SWEEP.leaks([("a", held), ("b", tmp_path / "gone")], tmp_path / "s")) == {"a"}

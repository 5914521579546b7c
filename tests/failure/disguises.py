"""How a value may be written so that who looks for it as it is does not find it."""

import base64
import hashlib
import html
import ipaddress
import json
import quopri
import re
import uuid
from collections.abc import Iterator
from urllib.parse import quote, quote_plus

SHORTEST = 8  # bytes; anything shorter stands anywhere by chance
WORD = re.compile(r"[^\W_]{9,}")
ADDRESS = re.compile(r"[0-9a-fA-F:]*[.:][0-9a-fA-F.:]+")
SEPARATORS = (" ", "-", ".")
DIGESTS = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b")
NAMESPACES = (
    uuid.UUID(int=0), uuid.NAMESPACE_DNS, uuid.NAMESPACE_URL, uuid.NAMESPACE_OID,
    uuid.NAMESPACE_X500,
)  # fmt: skip


def disguises(value: str, *, digests: bool = True) -> Iterator[tuple[str, bytes]]:
    """Each disguise by name, with the bytes to look for; those that differ by letter case alone
    once."""
    found, seen = list(_spelled(value)), set[bytes]()
    if digests:
        found += _digested(value)
    for name, form in found:
        if len(form) >= SHORTEST and b"\n" not in form and form.lower() not in seen:
            seen.add(form.lower())
            yield name, form


def spellings(value: str) -> dict[str, str]:
    """The ways in which people write a value down, whole. What is encoded hides its letter case:
    all small and all large are others then."""
    joined = re.sub(r"[\s.,:;/_+()@-]", "", value)
    found = {"plain": value, "joined": joined}
    if value.startswith("+62"):
        found["national"] = "0" + joined[2:]
    cased = {f"{name}, {case.__name__}": case(text)
             for name, text in found.items() for case in (str.lower, str.upper)}  # fmt: skip
    return found | cased


def _parts(value: str) -> Iterator[tuple[str, str]]:
    """What is enough of a value to know it by."""
    digits = re.sub(r"\D", "", value)
    if len(digits) >= 11:
        yield "last digits", digits[-8:]
        for separator in SEPARATORS:  # as telephone numbers are written, and a NIK
            yield "last digits", f"{digits[-8:-4]}{separator}{digits[-4:]}"
            yield "last digits", f"{digits[-10:-4]}{separator}{digits[-4:]}"
    yield from _addresses(value)
    if "@" in value:
        yield "local part", value.partition("@")[0]
    for word in WORD.findall(value):
        yield "word", word


def _addresses(value: str) -> Iterator[tuple[str, str]]:
    """Each address of a machine that stands in it, as programs write it, and its network."""
    for text in ADDRESS.findall(value):
        try:
            one = ipaddress.ip_address(text)
        except ValueError:
            continue
        groups = one.exploded.split("." if one.version == 4 else ":")
        yield "address", str(one)
        yield "address", one.exploded
        yield "address", str(int(one))
        yield "address", one.reverse_pointer
        yield "address", one.packed.hex()
        yield "network", ".".join(groups[:3]) if one.version == 4 else f"{one}".rpartition("::")[0]


def _spelled(value: str) -> Iterator[tuple[str, bytes]]:
    for spelling, text in (*spellings(value).items(), *_parts(value)):
        for encoding, form in encodings(text):
            yield f"{spelling}, {encoding}", form


def encodings(text: str) -> Iterator[tuple[str, bytes]]:
    """A text as bytes, in every encoding; base64 once for each place it can begin at."""
    raw = text.encode()
    yield "utf-8", raw
    for name, written in _written(text):
        yield name, written.encode()
    for name, separator in (("hex", ""), ("hex spaced", " "), ("hex colons", ":")):
        yield name, separator.join(f"{byte:02x}" for byte in raw).encode()
    for name, separator in (("numbers", ","), ("numbers spaced", ", ")):  # as Erlang shows bytes
        yield name, separator.join(map(str, raw)).encode()
    yield "octal escapes", "".join(f"\\{byte:03o}" for byte in raw).encode()
    for name, bare in (("base64", raw), ("base64 of utf-16", text.encode("utf-16le"))):
        for shift, form in enumerate(_base64(bare)):
            yield f"{name} {shift % 3}", form
    yield "utf-16le", text.encode("utf-16le")
    yield "utf-16be", text.encode("utf-16be")


def _written(text: str) -> Iterator[tuple[str, str]]:
    raw = text.encode()
    in_json = json.dumps(text)[1:-1]
    yield "json", in_json
    yield "json in json", json.dumps(in_json)[1:-1]
    yield "json escapes", "".join(f"\\u{ord(letter):04x}" for letter in text)
    yield "bytes escapes", "".join(f"\\x{byte:02x}" for byte in raw)
    yield "html", html.escape(text)
    yield "html decimal", "".join(f"&#{ord(letter)};" for letter in text)
    yield "html hex", "".join(f"&#x{ord(letter):x};" for letter in text)
    for name, quoted in (("url", quote(text, safe="")), ("url path", quote(text)),
                         ("form", quote_plus(text)),
                         ("url bytes", "".join(f"%{byte:02X}" for byte in raw))):  # fmt: skip
        yield name, quoted
        yield f"{name} twice", quote(quoted, safe="")
    yield "quoted-printable", re.sub("=\n", "", quopri.encodestring(raw).decode())
    yield "mail header", re.sub("=\n", "", quopri.encodestring(raw, header=True).decode())
    yield "quoted-printable bytes", "".join(f"={byte:02X}" for byte in raw)


def _base64(raw: bytes) -> Iterator[bytes]:
    """The part of base64 that does not depend on what stands before and after, by alignment; then
    the same for URLs."""
    urlsafe = bytes.maketrans(b"+/", b"-_")
    plain = []
    for shift in range(3):
        encoded = base64.b64encode(b"\0" * shift + raw)
        plain.append(encoded[-(-shift * 8 // 6) : (shift + len(raw)) * 8 // 6])
    yield from plain
    yield from (form.translate(urlsafe) for form in plain)


def _digested(value: str) -> Iterator[tuple[str, bytes]]:
    """Digests without a key, by their beginning: a short one is used as a name, too."""
    parts = ("last digits", "address", "local part")
    last = ((part, text) for part, text in _parts(value) if part in parts)
    for spelling, text in (*spellings(value).items(), *last):
        for form in {text, text.lower(), text.upper()}:
            raw = form.encode()
            for name in DIGESTS:
                digest = hashlib.new(name, raw).digest()
                yield f"{spelling}, {name}", digest.hex()[:16].encode()
                yield f"{spelling}, {name} base64", base64.b64encode(digest)[:10]
                yield f"{spelling}, {name} base64", base64.urlsafe_b64encode(digest)[:10]
                yield f"{spelling}, {name} bytes", digest[:8]
            for namespace in NAMESPACES:
                for make in (uuid.uuid3, uuid.uuid5):
                    made = make(namespace, form)
                    yield f"{spelling}, {make.__name__}", str(made)[:23].encode()
                    yield f"{spelling}, {make.__name__}", made.hex[:16].encode()

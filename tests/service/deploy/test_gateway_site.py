"""What an installation adds to the gateway's site, in files that are no part of the project."""

import shutil
import ssl
from pathlib import Path

import httpx

from deploy.local.gateway import CADDYFILE, Upstream, gateway
from deploy.local.process import free_port
from tests.harness.certificates import Authority
from tests.harness.waiting import eventually

SITE = "lapor.example.test"


def test_a_certificate_of_ones_own_is_shown(tmp_path: Path) -> None:
    ours, authority = tmp_path / "Caddyfile", Authority(tmp_path)
    shutil.copy(CADDYFILE, ours)
    both = authority.certificate(SITE)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "certificate.caddy").write_text(f"tls {both} {both}\n")
    port, nobody = free_port(), free_port()
    upstreams = {s: Upstream(nobody, nobody) for s in ("intake", "routing", "notify", "escalation")}
    process = gateway(tmp_path / "run", port, free_port(), upstreams, ours)
    process.env["LAPOR_SITE"] = f"https://{SITE}:{port}"
    trusting = ssl.create_default_context(cafile=authority.file)

    process.start()
    try:
        with httpx.Client(verify=trusting, trust_env=False) as client:
            answer = eventually(lambda: asked(client, port), "the certificate is trusted")
    finally:
        process.stop()

    assert answer.status_code == 404
    assert answer.headers["Strict-Transport-Security"]


def asked(client: httpx.Client, port: int) -> httpx.Response | None:
    named = {"headers": {"Host": f"{SITE}:{port}"}, "extensions": {"sni_hostname": SITE}}
    try:
        return client.get(f"https://127.0.0.1:{port}/", **named)  # type: ignore[arg-type]
    except httpx.ConnectError:
        return None

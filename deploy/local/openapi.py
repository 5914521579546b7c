"""`./lapor openapi`: writes what each service's HTTP interface is into `contracts/openapi/`.

The documents are made from the operations that the code really has; a test holds them to it.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from deploy import secrets
from deploy.local.environment import ROOT, Surroundings
from deploy.postgres.databases import SERVICES

FOLDER = ROOT / "contracts" / "openapi"


def documents() -> dict[str, str]:
    """The document of each service, as its own command prints it."""
    with tempfile.TemporaryDirectory() as folder:
        secrets.make(Path(folder))
        around = Surroundings(secrets=Path(folder), lapor_env="test")
        return {service: _printed(service, around) for service in SERVICES}


def _printed(service: str, around: Surroundings) -> str:
    told = around.environment(service, DATABASE_URL="postgresql+psycopg2://nobody@127.0.0.1:1/none")
    run = subprocess.run(
        [sys.executable, "-m", f"services.{service}", "openapi"],
        env=told, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    json.loads(run.stdout)
    return run.stdout


def write() -> int:
    """Writes them all."""
    FOLDER.mkdir(exist_ok=True)
    for service, document in documents().items():
        (FOLDER / f"{service}.json").write_text(document)
        print(f"wrote {(FOLDER / service).relative_to(ROOT)}.json")
    return 0

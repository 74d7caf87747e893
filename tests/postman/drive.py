"""Starts a fresh service on a home of its own with a DuckDB shop, and drives it with the Postman collection by newman.

``make postman``. newman comes from npm; the tests of ``make test`` do without it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.fixtures.duckdb_shop import make_shop  # noqa: E402 - the repository's root must be known first
from tests.fixtures.service import Access, prepare_home, running_service  # noqa: E402 - as above
from tests.postman.collection import COLLECTION, ENVIRONMENT  # noqa: E402 - as above

_NEWMAN: Final = ["newman@6"]
_HELP: Final = """\
newman is needed and could not be started. It is a program of Node.js, version 18 or later. Get one of:
  apt-get install npm                    then make postman fetches newman by itself
  npm install --global newman            if this machine's npx may not fetch anything
or import docs/postman/*.json into Postman and run the collection there."""


def newman() -> list[str] | None:
    """The command that starts newman; None if there is none."""
    if shutil.which("newman"):
        return ["newman"]
    if not shutil.which("npx"):
        return None
    command = ["npx", "--yes", *_NEWMAN]
    tried = subprocess.run([*command, "--version"], capture_output=True, text=True, check=False, timeout=300)
    return command if tried.returncode == 0 else None


def environment(url: str, access: Access) -> str:
    """The committed environment, filled in."""
    filled = json.loads(ENVIRONMENT.read_text())
    own = {
        "baseUrl": url,
        "clientId": access.client_id,
        "clientSecret": access.client_secret,
        "partnerFeedKey": access.feed_key,
        "duckdb_database": "shop.duckdb",
    }
    for value in filled["values"]:
        value["value"] = own.get(value["key"], value["value"])
    return json.dumps(filled)


def main() -> int:
    command = newman()
    if command is None:
        sys.stderr.write(_HELP + "\n")
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "warehouses").mkdir()
        make_shop(folder / "warehouses")
        access = prepare_home(folder / "home")
        with running_service(folder / "home", access, duckdb_root=str(folder / "warehouses")) as service:
            filled = folder / "environment.json"
            filled.touch(mode=0o600)
            filled.write_text(environment(service.url, access))
            line = [*command, "run", str(COLLECTION), "--environment", str(filled), "--timeout", "120000"]
            return subprocess.run(line, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())

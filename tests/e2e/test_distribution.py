"""What is handed to users: the wheel has all it needs, and the files of ``deploy/`` name what exists.

``make dist`` installs the wheel of ``dist/`` into an empty environment, from the lock, and runs the main job with it. Here the wheel is
unpacked beside the dependencies that are installed already.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import pytest
import yaml

from warehouse_sync.settings import describe_settings

ROOT = Path(__file__).resolve().parents[2]
MAIN_JOB = """
import json, sys
from pathlib import Path
import warehouse_sync
from tests.fixtures.terminal import opened_terminal

with opened_terminal(Path(sys.argv[1])) as terminal:
    bodies = {
        "connection": {"id": "shop", "name": "Shop", "type": "duckdb", "database": "shop.duckdb"},
        "data-model": {"id": "m", "name": "M", "type": "sql", "sql_query": "SELECT id AS customer_id, score, updated_at FROM people",
                       "load_timestamp_field_name": "updated_at", "load_timestamp_field_type": "timestamp_ntz"},
        "pipeline": {"id": "p", "name": "P", "connection_id": "shop", "data_model_id": "m", "partner_feed_id": terminal.access.feed_id,
                     "schedule_interval": "on_demand", "schedule_start_time": "2020-01-01T00:00:00Z", "environment": "development"},
    }
    for kind, body in bodies.items():
        terminal.json(kind, "create", "--file", "-", stdin=json.dumps(body))
    run = terminal.json("pipeline", "trigger", "p", "--wait")
    print(json.dumps({"package": warehouse_sync.__file__, "state": run["pipeline_run_state"], "mapped": run["records_mapped"]}))
"""


def build_wheel(folder: Path) -> Path:
    """Builds the wheel with the build tool that is installed; nothing is fetched."""
    line = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "--no-build-isolation",
        "-w",
        str(folder),
        str(ROOT),
    ]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    [wheel] = folder.glob("warehouse_sync-*.whl")
    return wheel


def run_main_job(python: Path | str, folder: Path, package_path: Path | None = None) -> dict[str, object]:
    """The main job on a DuckDB shop by the commands of one installation; ``tests`` comes from the checkout, the product does not."""
    lend = folder / "lent"
    lend.mkdir()
    (lend / "tests").symlink_to(ROOT / "tests")
    paths = [*([str(package_path)] if package_path else []), str(lend)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [str(python), "-c", MAIN_JOB, str(folder / "work")],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_the_wheel_does_the_main_job(tmp_path: Path) -> None:
    (tmp_path / "wheel").mkdir()
    wheel = build_wheel(tmp_path / "wheel")
    unpacked = tmp_path / "unpacked"
    line = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-compile",
        "--target",
        str(unpacked),
        str(wheel),
    ]
    assert subprocess.run(line, capture_output=True, check=False, timeout=120).returncode == 0
    found = run_main_job(sys.executable, tmp_path, unpacked)
    assert found == {"package": str(unpacked / "warehouse_sync" / "__init__.py"), "state": "success", "mapped": 1000}


# --- deploy/ ------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["Containerfile", "compose.yaml", "warehouse-sync.service"])
def test_deployment_files_name_only_settings_that_exist(name: str) -> None:
    known = {setting.name for setting in describe_settings()}
    said = set(re.findall(r"\bWAREHOUSE_SYNC_[A-Z_]+", (ROOT / "deploy" / name).read_text()))
    assert said
    assert said <= known


def test_the_image_copies_files_that_exist_and_runs_without_privileges() -> None:
    text = (ROOT / "deploy" / "Containerfile").read_text()
    for sources in re.findall(r"^COPY (?!--from)(.+) \S+$", text, re.M):
        assert all((ROOT / source).exists() for source in sources.split()), sources
    assert re.search(r"^USER [1-9]", text, re.M)
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    service = compose["services"]["warehouse-sync"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])


def main() -> int:
    """``make dist``: an empty environment, the lock, the wheel of ``dist/``, the main job."""
    [wheel] = (ROOT / "dist").glob("warehouse_sync-*.whl")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        venv.create(folder / "venv", with_pip=True)
        pip = [str(folder / "venv" / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements.lock")], check=True)
        subprocess.run([*pip, "--no-deps", str(wheel)], check=True)
        found = run_main_job(folder / "venv" / "bin" / "python", folder)
    print(f"{wheel.name}: {found['mapped']} rows mapped, run {found['state']}")  # noqa: T201 - the command's result
    return 0 if found["state"] == "success" else 1


if __name__ == "__main__":
    sys.exit(main())

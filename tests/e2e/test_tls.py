"""TLS of the service's own, and the refusal to send credentials over a network in the clear."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.fixtures.certificates import certified
from tests.fixtures.service import clean_environment

SERVE = [sys.executable, "-m", "warehouse_sync", "serve", "--port", "0"]


def test_the_service_speaks_https_with_the_given_certificate(tmp_path: Path) -> None:
    certificate, key = certified("127.0.0.1", "127.0.0.1").written(tmp_path)
    line = [*SERVE, "--home", str(tmp_path / "home"), "--tls-cert", str(certificate), "--tls-key", str(key)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=clean_environment({})) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("listening on ").strip()
            assert url.startswith("https://127.0.0.1:")
            trusted = ssl.create_default_context(cafile=str(certificate))
            answer = httpx.get(f"{url}/health", verify=trusted)
            assert answer.status_code == 200
            assert "strict-transport-security" in answer.headers
        finally:
            process.terminate()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "example.com"])
def test_listening_beyond_this_machine_needs_tls_or_a_proxy(host: str, tmp_path: Path) -> None:
    line = [*SERVE, "--home", str(tmp_path / "home"), "--host", host]
    done = subprocess.run(line, capture_output=True, text=True, env=clean_environment({}), check=False, timeout=60)
    assert done.returncode == 1
    assert "WAREHOUSE_SYNC_BEHIND_PROXY" in done.stderr
    assert not (tmp_path / "home" / "control.db").exists()

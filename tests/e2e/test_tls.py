"""TLS of the service's own, and the refusal to send credentials over a network in the clear."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.fixtures.service import clean_environment

SERVE = [sys.executable, "-m", "warehouse_sync", "serve", "--port", "0"]


def test_the_service_speaks_https_with_the_given_certificate(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path)
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


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "cert.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return paths

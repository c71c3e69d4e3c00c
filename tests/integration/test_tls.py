"""TLS: before the gateway's own port, and between every process and the store."""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from cli.settings import LauncherSettings
from tests.support.stack import Stack, finished
from tests.support.tls import Certificates, TlsFront
from tests.support.waiting import wait_until


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def https(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[httpx.Client]:
    """A client of a gateway that speaks TLS itself."""
    paths = {"TLS_CERT": str(certificates.chain), "TLS_KEY": str(certificates.key)}
    stack = Stack(tmp_path_factory.mktemp("https"), ENGINE="echo", **paths)
    stack.valkey.start()
    stack.start_gateway()
    url = f"https://localhost:{stack.api_port}"
    with httpx.Client(base_url=url, verify=certificates.client(), trust_env=False) as client:
        try:
            wait_until(lambda: _answers(client), what="the gateway's answer over TLS")
            yield client
        finally:
            stack.stop()


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/livez").is_success
    except httpx.TransportError:
        return False


def test_the_gateway_speaks_tls_and_says_so(https: httpx.Client) -> None:
    # When it is asked over TLS, then it answers, and wants TLS from now on
    answer = https.get("/livez")
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    # When it is asked without, or by who does not trust its CA, then there is no answer
    url = https.base_url.join("/livez")
    with pytest.raises(httpx.TransportError):
        httpx.get(url.copy_with(scheme="http"), trust_env=False)
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(url, trust_env=False)
    # And nothing older than TLS 1.2 is spoken
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    with pytest.deprecated_call():
        old.minimum_version = ssl.TLSVersion.TLSv1
        old.maximum_version = ssl.TLSVersion.TLSv1_1
    with (
        socket.create_connection(("localhost", https.base_url.port or 0), 5) as raw,
        pytest.raises((ssl.SSLError, OSError)),
    ):
        old.wrap_socket(raw)


def test_make_run_finds_the_gateway_by_its_certificate(
    https: httpx.Client, certificates: Certificates, tmp_path: Path
) -> None:
    # Given the launcher's settings, whose gateway is at an address that no certificate names
    port, other = https.base_url.port, Certificates(tmp_path / "other")
    own, others = (
        LauncherSettings(api_host="127.0.0.1", api_port=port, tls_cert=chain)
        for chain in (certificates.chain, other.chain)
    )
    # Then it speaks to who has that certificate, and to nobody else
    assert httpx.get(f"{own.gateway_url}/livez", verify=own.gateway_tls).is_success
    with pytest.raises(httpx.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
        httpx.get(f"{others.gateway_url}/livez", verify=others.gateway_tls)


def test_a_job_goes_all_its_way_with_a_store_behind_tls(
    tmp_path: Path, certificates: Certificates
) -> None:
    # Given a store that every process reaches over TLS only
    stack = Stack(tmp_path, ENGINE="echo")
    stack.valkey.start()
    with TlsFront(stack.valkey.port, certificates) as front:
        stack.env |= {
            "REDIS_URL": f"rediss://localhost:{front.port}/0",
            "REDIS_CA": str(certificates.ca),
        }
        try:
            stack.start_gateway()
            stack.start_maintenance()
            stack.start_worker()
            stack.start_webhooks()
            stack.wait_until_ready(60)
            # When a job is submitted, then it is run, by a doorbell that came over TLS
            with stack.login() as client:
                job = client.post("/generate", json={"prompt": "x", "max_tokens": 3}).json()
                assert finished(client, job)["status"] == "completed"
            assert front.connections >= 4
        finally:
            stack.stop()


def test_a_store_whose_ca_is_not_known_is_not_spoken_to(
    tmp_path: Path, certificates: Certificates
) -> None:
    # Given a gateway that trusts another CA than the store's
    stranger = Certificates(tmp_path / "stranger")
    stack = Stack(tmp_path, ENGINE="echo")
    stack.valkey.start()
    with TlsFront(stack.valkey.port, certificates) as front:
        stack.env |= {
            "REDIS_URL": f"rediss://localhost:{front.port}/0",
            "REDIS_CA": str(stranger.ca),
        }
        try:
            stack.start_gateway()
            with stack.client() as client:
                wait_until(lambda: _answers(client), what="the gateway's answer")
                # Then to it there is no store
                answer = client.post("/auth/login", json={"username": "a", "password": "b"})
        finally:
            stack.stop()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "redis-unavailable")

"""What may be set of TLS, proxies, pages and limits, and what is refused with which words."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from api.exposure import ExposureSettings
from api.settings import ApiSettings

SAFE: dict[str, Any] = {
    "app_env": "production",
    "jwt_secret": "0123456789abcdef0123456789abcdef",
    "admin_password": "a long sentence",
}


@pytest.mark.parametrize(
    ("given", "docs", "metrics"),
    [
        ({}, True, True),
        ({"app_env": "production"}, False, False),
        ({"app_env": "production", "docs_enabled": True}, True, False),
        ({"app_env": "production", "metrics_public": True}, False, True),
        ({"docs_enabled": False, "metrics_public": False}, False, False),
    ],
)
def test_pages_and_numbers_are_open_in_development_only(
    given: dict[str, Any], docs: bool, metrics: bool
) -> None:
    settings = ExposureSettings(**given)

    assert (settings.shows_docs, settings.shows_metrics) == (docs, metrics)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"trusted_proxies": "0.0.0.0/0"}, "would trust everybody"),
        ({"trusted_proxies": "10.0.0.0/8, ::/0"}, "would trust everybody"),
        ({"trusted_proxies": "the-ingress"}, "does not appear to be an IPv4 or IPv6 network"),
        ({"metrics_token": "short"}, "has 5 bytes; it needs at least 32"),
        ({"tls_cert": "/c.pem"}, "TLS_CERT and TLS_KEY belong together"),
        ({"tls_key": "/k.pem"}, "TLS_CERT and TLS_KEY belong together"),
        ({"tls_cert": "/none.pem", "tls_key": "/k"}, "TLS_CERT=/none.pem: there is no such file"),
        ({"max_json_depth": 5}, "greater than or equal to 8"),
        ({"tokens_per_minute": -1}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_meant_is_refused(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ExposureSettings(**given)


def test_production_refuses_a_short_password_of_the_first_user() -> None:
    with pytest.raises(ValidationError, match="ADMIN_PASSWORD is too short"):
        ApiSettings(**{**SAFE, "admin_password": "seven77"})

    ApiSettings(**SAFE)


def test_behind_a_proxy_the_default_password_is_refused() -> None:
    with pytest.raises(ValidationError, match="TRUSTED_PROXIES lets others in"):
        ApiSettings(trusted_proxies="10.0.0.0/8")


def test_several_networks_may_be_listed() -> None:
    settings = ExposureSettings(trusted_proxies="10.0.0.0/8, fd00::/8 192.0.2.1/32")

    assert list(map(str, settings.proxy_networks)) == ["10.0.0.0/8", "fd00::/8", "192.0.2.1/32"]


def test_certificates_are_looked_for(tmp_path: Path) -> None:
    for name in ("c.pem", "k.pem"):
        (tmp_path / name).write_text("x")

    ExposureSettings(tls_cert=tmp_path / "c.pem", tls_key=tmp_path / "k.pem")

"""OWASP API7:2023, server side request forgery: no address of a user's leads inside.

What the sender itself refuses, whatever DNS says: tests/integration/test_egress.py.
"""

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.routes import OPERATIONS, properties

INSIDE = [
    *("http://127.0.0.1/", "http://localhost/", "http://[::1]/", "http://0.0.0.0/", "http://0/"),
    *("http://127.1/", "http://2130706433/", "http://0x7f000001/", "http://0177.0.0.1/"),
    *("http://169.254.169.254/latest/meta-data/", "http://[fd00:ec2::254]/"),
    *("http://10.0.0.1/", "http://172.16.0.1/", "http://192.168.1.1/", "http://100.64.0.1/"),
    *("http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://[fe80::1]/"),
    *("http://224.0.0.1/", "http://255.255.255.255/", "http://198.18.0.1/"),
    *("file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "ftp://10.0.0.1/"),
    *("redis://127.0.0.1:6380/", "unix:///var/run/docker.sock", "data:text/plain,x"),
    *("http://user:pass@127.0.0.1/", "http://example.com@127.0.0.1/", "http://127.0.0.1:22/"),
    *("//127.0.0.1/", "http:127.0.0.1", "http://", "http:///x", "javascript:alert(1)"),
    *("http://example.com:6379/", "http://example.com\r\nX: y/", "http://exa mple.com/"),
    *("http://127.0.0.1%23@example.com:22/", "http://\u2460\u2461\u2467.0.0.1/"),
]


@pytest.mark.parametrize("url", INSIDE)
def test_no_webhook_leads_inside(gateway: Gateway, ada: httpx.Client, url: str) -> None:
    assert ada.post("/generate", json={"prompt": "x", "webhook_url": url}).status_code == 422
    assert ada.post("/webhooks/endpoints", json={"url": url}).status_code == 422
    made = ada.post("/webhooks/endpoints", json={"url": "https://hooks.example.com/"}).json()
    changed = ada.patch(f"/webhooks/endpoints/{made['id']}", json={"url": url})
    assert changed.status_code == 422
    assert gateway.redis.keys("job:*") == []


def test_every_field_that_takes_an_address_is_among_these() -> None:
    fields = {name for one in OPERATIONS for name in properties(one) if "url" in name.lower()}
    assert fields == {"webhook_url", "url"}


@pytest.mark.parametrize(
    "model",
    [
        *("http://169.254.169.254/x", "file:///etc/passwd", "../../etc/passwd", "..", "."),
        *("a/../../b", "./b", "\\\\host\\share", "//host/share", "x\0y", "|id", "$(id)"),
    ],
)
def test_no_model_is_loaded_from_anywhere_else(gateway: Gateway, model: str) -> None:
    # When an administrator, or somebody with their key, asks for one that is no model's name
    with gateway.client("admin") as admin:
        answer = admin.post("/admin/reload", json={"model": model})
    # Then no worker hears of it
    assert answer.status_code in (400, 404, 409, 422), answer.text
    assert gateway.redis.get("reload:wanted") is None


@pytest.mark.parametrize(
    "name", ["../../../etc/cron.d/x", "/etc/passwd", "..", "a\\..\\b", "x" * 5000]
)
def test_the_name_of_a_file_is_no_path(gateway: Gateway, ada: httpx.Client, name: str) -> None:
    # When a file is uploaded under it
    answer = ada.post("/v1/files", files={"file": (name, b"{}\n")}, data={"purpose": "batch"})
    # Then it is refused, or kept under a name of ours
    if answer.is_success:
        kept = [path for path in (gateway.stack.directory / "files").rglob("*") if path.is_file()]
        assert answer.json()["id"] in {path.stem for path in kept}
        assert not [path for path in kept if "passwd" in path.name or "cron" in str(path)]
    else:
        assert answer.status_code in (400, 413, 422)


def test_a_schema_is_not_fetched(ada: httpx.Client) -> None:
    # A schema that refers to an address elsewhere is refused, not followed.
    schema = {"$ref": "http://169.254.169.254/schema.json"}
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = ada.post("/generate", json={"prompt": "x", "response_format": form})
    assert answer.status_code == 422

"""The scan of `make check` sees a secret, and lets pass what is none."""

from pathlib import Path

import pytest

from tests.support.secret_scan import HARMLESS, findings

#: In two parts each, so that the scan of this repository does not find them here.
SECRETS = {
    "key.pem": "-----BEGIN " + "RSA PRIVATE KEY-----\nMIIEow\n",
    "aws.py": 'key = "AKIA' + 'IOSFODNN7EXAMPLQ"\n',
    "settings.py": 'jwt_secret = "q8Zr2' + 'xW7LmP0vTnC4bYdKs9aHe3JfUg1"\n',
    "config.json": '{"password": "hunter2' + 'hunter2"}\n',
    "token.md": "ghp_" + "A1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q7r8\n",
}


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(SECRETS[name])

    found = list(findings(tmp_path, [name]))

    assert found
    assert found[0].path == name
    assert SECRETS[name].strip() not in str(found)


def test_a_real_key_is_found_among_tests_too(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "x.py").write_text(SECRETS["key.pem"])

    assert list(findings(tmp_path, ["tests/x.py"]))


def test_what_is_documented_is_let_pass(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text('password = "admin123"\nother = password\n')

    assert list(findings(tmp_path, ["x.py"])) == []
    assert all(reason for reason in HARMLESS.values())

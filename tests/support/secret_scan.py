"""``python -m tests.support.secret_scan``: no secret of anybody's stands in the repository.

detect-secrets looks at every file that git knows or would add. What it takes for a secret and
is none is listed here with the reason; there is no other baseline. Tests are full of passwords
made up on the spot, so there only the forms of real credentials count: private keys, cloud
keys, tokens of known services.
"""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.potential_secret import PotentialSecret
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import transient_settings

ROOT = Path(__file__).parents[2]

#: Guess by how random a text looks, by the word before it, by an @ after it.
GUESSING = {
    *("Base64HighEntropyString", "HexHighEntropyString", "KeywordDetector"),
    *("BasicAuthDetector", "IPPublicDetector"),
}

#: Files where a long hexadecimal text is the digest of a file that anybody may download.
DIGESTS = re.compile(
    r"api/guard/manifest\.json|docs/benchmarks/.*|quantization/wheel\.py"
    r"|benchmarks/guard/sources\.py|constraints\.txt|tests/support/tools\.py"
)

#: What is no secret, as a pattern of the whole value, and why.
HARMLESS: dict[str, str] = {
    r"admin123": "the documented password of a first run; refused outside development",
    r"a long sentence|another long sentence|a long and quiet password": "examples of passwords",
    r"whsec_[A-Za-z0-9+/=…]*|MfKQ[A-Za-z0-9+/=]+|cvn_…": "the examples of the documentation",
    r"W1tdLCB7fSwg[A-Za-z0-9+/]+": "a doorbell without arguments, in base64",
    r"0123456789[a-z]+": "an alphabet",
    r"(job|batch|we|whd|evt|file|resp)_[0-9a-z]{20,}": "ids, which open nothing",
    r"admin|caravan|caravan-tls|admin-password|PASSWORD": "names of users, settings, Secrets",
    r".*(GET|POST|`) ?/\w.*|curl` its `/metrics": "a sentence about a route",
    r"eyJhbGciOiJ(ub25l|IUzI1NiJ9\.eyJzdWIiOiJhZGEifQ)[\w.]*": "tokens that nobody signed",
}


class Finding(NamedTuple):
    """Something that looks like a secret; the value itself is not shown."""

    path: str
    line: int
    kind: str


def findings(root: Path, paths: list[str]) -> Iterator[Finding]:
    """What is left after all that is known to be harmless."""
    names = {str(one.__name__) for one in _plugins().values()}
    tests = [path for path in paths if path.startswith("tests/")]
    rest = [path for path in paths if not path.startswith("tests/")]
    for part, used in ((rest, names - {"IPPublicDetector"}), (tests, names - GUESSING)):
        plugins = [{"name": name} for name in sorted(used)]
        with transient_settings({"plugins_used": plugins, "filters_used": FILTERS}):
            for path in part:
                for secret in scan_file(str(root / path)):
                    if not harmless(path, secret):
                        yield Finding(path, secret.line_number, secret.type)


def _plugins() -> dict[str, Any]:
    found: dict[str, Any] = get_mapping_from_secret_type_to_class()
    return found


#: Lines such as ``password = password``, and identifiers.
FILTERS = [
    {"path": f"detect_secrets.filters.heuristic.{name}"}
    for name in (
        *("is_indirect_reference", "is_likely_id_string", "is_non_text_file"),
        *("is_not_alphanumeric_string", "is_potential_uuid", "is_prefixed_with_dollar_sign"),
        *("is_sequential_string", "is_templated_secret"),
    )
]


def harmless(path: str, secret: PotentialSecret) -> bool:
    """Whether this is listed as no secret."""
    value = secret.secret_value or ""
    if DIGESTS.fullmatch(path) and re.fullmatch(r"[0-9a-f]{32,128}", value):
        return True
    return any(re.fullmatch(pattern, value) for pattern in HARMLESS)


def files_of(root: Path) -> list[str]:
    """What git knows, or would add."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    listed = subprocess.run(command, cwd=root, capture_output=True, check=True).stdout.decode()
    return sorted(path for path in set(listed.split("\0")) if (root / path).is_file())


def main() -> int:
    """Exit status 1 if anything was found."""
    found = list(findings(ROOT, files_of(ROOT)))
    for finding in found:
        sys.stdout.write(f"{finding.path}:{finding.line}: {finding.kind}\n")
    if found:
        sys.stdout.write("If it is none, say why in tests/support/secret_scan.py.\n")
    return int(bool(found))


if __name__ == "__main__":
    raise SystemExit(main())

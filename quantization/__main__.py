"""``python -m quantization``: the workshop's commands."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from common.artifact import ArtifactError
from common.settings import CommonSettings
from quantization.fetch import fetch
from quantization.manifest import verify


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    options = _parser(CommonSettings()).parse_args(arguments)
    try:
        return int(options.run(options))
    except (ArtifactError, OSError) as error:
        _report(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        _report("interrupted; run it again to go on")
        return 130


def _parser(settings: CommonSettings) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m quantization", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    get = commands.add_parser("fetch", help="get a model and put beside it what serving needs")
    get.add_argument(
        "--model",
        default=settings.model,
        help="directory, .gguf file or hub id (MODEL; default: SmolLM2-135M-Instruct)",
    )
    get.add_argument("--revision", help="branch, tag or commit of a hub model")
    get.add_argument("--state-dir", type=Path, default=settings.state_dir, help="(STATE_DIR)")
    get.add_argument("--verify", action="store_true", help="compare every file's sha256")
    get.set_defaults(run=_fetch)
    return parser


def _fetch(options: argparse.Namespace) -> int:
    artifacts = fetch(options.model, options.state_dir, _report, options.revision)
    for artifact in artifacts:
        if options.verify:
            verify(artifact.tokenizer_path.parent, artifact.manifest)
        print(artifact.path)
    return 0


def _report(line: str) -> None:
    print(f"fetch: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

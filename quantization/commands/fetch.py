"""``fetch``: get a model and put beside it what serving needs."""

import argparse

from common.settings import CommonSettings
from quantization.commands.options import add_model, report
from quantization.fetch import fetch
from quantization.manifest import verify


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the command."""
    parser = commands.add_parser("fetch", help="get a model and put beside it what serving needs")
    add_model(parser, CommonSettings())
    parser.add_argument("--revision", help="branch, tag or commit of a hub model")
    parser.add_argument("--verify", action="store_true", help="compare every file's sha256")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    artifacts = fetch(
        options.model, options.state_dir, lambda line: report(f"fetch: {line}"), options.revision
    )
    for artifact in artifacts:
        if options.verify:
            verify(artifact.tokenizer_path.parent, artifact.manifest)
        print(artifact.path)
    return 0

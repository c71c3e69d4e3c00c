"""``python -m quantization``: the workshop's commands."""

import argparse
import sys
from collections.abc import Sequence

from common.artifact import ArtifactError
from quantization.commands import build, compare, fetch, finetune, inspect, measure, store
from quantization.commands.options import report
from worker.engines.base import EngineError

_COMMANDS = (fetch, build, inspect, measure, compare, finetune, store)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m quantization", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in _COMMANDS:
        command.add_to(commands)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (ArtifactError, EngineError, OSError) as error:
        report(f"{options.command}: error: {error}")
        return 1
    except ModuleNotFoundError as error:
        extras = "llamacpp,quantization,transformers,workshop"
        report(f"{options.command}: error: {error}: run `pip install -e '.[{extras}]'`")
        return 1
    except KeyboardInterrupt:
        report(f"{options.command}: interrupted; run it again to go on")
        return 130


if __name__ == "__main__":
    sys.exit(main())

"""``push`` and ``pull``: artifacts to and from a directory or an S3-compatible store."""

import argparse
from pathlib import Path

from common.artifact import open_artifact
from common.digests import verify_once
from common.settings import CommonSettings
from quantization.commands.options import report
from quantization.progress import track
from quantization.store import pull, push


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare both commands."""
    settings = CommonSettings()
    out = commands.add_parser("push", help="copy an artifact to a directory or s3://bucket/prefix")
    out.add_argument("artifact", type=Path, help="directory or .gguf file")
    out.add_argument("place", help="directory, or a URL such as s3://models/llama-nf4")
    out.add_argument("--state-dir", type=Path, default=settings.state_dir, help="(STATE_DIR)")
    out.set_defaults(run=_push)
    back = commands.add_parser("pull", help="copy an artifact from where it was pushed to")
    back.add_argument("place", help="directory, or a URL such as s3://models/llama-nf4")
    back.add_argument("directory", type=Path, nargs="?", help="(default: STATE_DIR/models/<name>)")
    back.add_argument("--state-dir", type=Path, default=settings.state_dir, help="(STATE_DIR)")
    back.set_defaults(run=_pull)


def _push(options: argparse.Namespace) -> int:
    artifact = open_artifact(options.artifact)
    verify_once(artifact, options.state_dir)
    push(artifact, options.place, track)
    report(f"pushed {artifact.bytes / 1e6:.1f} MB to {options.place}")
    return 0


def _pull(options: argparse.Namespace) -> int:
    name = options.place.rstrip("/").rpartition("/")[2]
    directory = options.directory or options.state_dir / "models" / name
    print(pull(options.place, directory, track).path)
    return 0

"""llama.cpp's own converter and quantizer, where they are installed.

They write what ``write_gguf`` does not know: another tokenizer, another kind of positions.
Source: llama.cpp, convert_hf_to_gguf.py and tools/quantize.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from common.artifact import Artifact, ArtifactError
from common.digests import digest
from quantization.fetch import Report
from quantization.recipes import Recipe

CONVERTER = "convert_hf_to_gguf.py"
QUANTIZER = "llama-quantize"


class NotKnownHere(ArtifactError):
    """A Llama that llama.cpp's own programs may convert, and ``write_gguf`` can not."""


@dataclass(frozen=True, slots=True)
class LlamaCpp:
    """The two programs. The converter is a script; it runs in this Python, which has its packages."""

    converter: Path
    quantizer: Path

    @classmethod
    def find(cls, directory: Path | None = None) -> "LlamaCpp":
        """Look for both in ``directory`` and on PATH. Raises ArtifactError with what is missing."""
        found = {name: _find(name, directory) for name in (CONVERTER, QUANTIZER)}
        missing = [name for name, path in found.items() if path is None]
        if missing:
            raise ArtifactError(
                f"llama.cpp's {' and '.join(missing)} not found on PATH: get llama.cpp "
                f"(`brew install llama.cpp`, or build its target {QUANTIZER}) and name the folder "
                "that has them by --llama-cpp DIR"
            )
        return cls(Path(found[CONVERTER] or ""), Path(found[QUANTIZER] or ""))

    def digests(self) -> dict[str, str]:
        """The sha256 of each program by its name: neither tells its version."""
        return {path.name: f"sha256 {digest(path)}" for path in (self.converter, self.quantizer)}

    def write(self, source: Artifact, recipe: Recipe, path: Path, report: Report) -> None:
        """Write the file ``path``; FP16 lies beside it meanwhile. Raises ArtifactError."""
        full = path.with_name(f"{path.stem}.f16.partial.gguf")
        try:
            report(f"{self.converter} converts to FP16")
            script = self.converter.resolve()  # its own gguf package lies beside it
            _run([sys.executable, script, source.path, "--outfile", full, "--outtype", "f16"])
            report(f"{self.quantizer} makes {recipe.file_type}")
            _run([self.quantizer, full, path, str(recipe.file_type)])
        finally:
            full.unlink(missing_ok=True)


def _find(name: str, directory: Path | None) -> Path | None:
    places = [directory, directory / "build" / "bin"] if directory else []
    for place in places:
        if (place / name).exists():
            return place / name
    found = shutil.which(name)
    return Path(found) if found else None


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        [str(part) for part in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        last = "\n".join(done.stdout.strip().splitlines()[-5:])
        program = CONVERTER if command[0] == sys.executable else QUANTIZER
        raise ArtifactError(f"{program} ended with {done.returncode}:\n{last}")

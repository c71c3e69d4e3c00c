"""The whole measurement of one artifact; parts that were done before are read from disk."""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from common.artifact import Artifact, ArtifactError
from quantization.manifest import write_json
from quantization.measure.machine import machine, versions
from quantization.measure.process import run_task
from quantization.measure.protocol import Protocol
from quantization.measure.quality import is_scored, read_scores
from quantization.measure.summary import mean, perplexity, perplexity_ratio, quality_score
from quantization.measure.windows import Windows
from quantization.progress import Track
from quantization.recipes import Recipe
from quantization.room import check_disk


@dataclass(frozen=True, slots=True)
class Measurement:
    """Measures ``artifact`` by ``protocol``, keeping what is done in ``directory``."""

    artifact: Artifact
    recipe: Recipe
    reference: Artifact | None
    windows: Windows
    protocol: Protocol
    directory: Path
    track: Track

    def quality(self) -> dict[str, Any]:
        """Perplexity, and what the reference says of it where there is one."""
        reference = self._score_reference()
        own = self._directory(self.artifact)
        task = self._quality_task(self.artifact, self.recipe.engine, self.recipe.name)
        task |= {"kept": None, "reference": str(reference or "")}
        self._score(task, own, f"{self.recipe.name}: scoring")
        scores = read_scores(own, len(self.windows.ids))
        surprises = [window["surprise"] for window in scores]
        result: dict[str, Any] = {
            "perplexity": perplexity(surprises),
            "tokens_scored": self.windows.tokens_scored,
        }
        if reference is None:
            return result | dict.fromkeys(_COMPARED)
        full = read_scores(reference, len(self.windows.ids))
        return result | _compare(scores, full)

    def speed(self) -> dict[str, Any]:
        """Load time, first token, decode rates; memory is that of the serving slots."""
        path = self._directory(self.artifact) / f"speed-{_key(self.protocol.to_dict())}.json"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_json(path, self._measure_speed() | {"machine": machine()})
        return dict(json.loads(path.read_text()))

    def forget(self, what: str) -> None:
        """Measure again: "speed" the times, "all" the scores too; the reference stays."""
        for path in self._directory(self.artifact).glob("speed-*" if what == "speed" else "*"):
            path.unlink()

    def _measure_speed(self) -> dict[str, Any]:
        serving = [batch for batch in self.protocol.batches if batch <= self.protocol.slots]
        larger = [batch for batch in self.protocol.batches if batch > self.protocol.slots]
        result = self._speed_task(self.protocol.slots, serving)
        for batch in larger:
            more = self._speed_task(batch, [batch])
            result["decode"] |= more["decode"]
            result["joules_per_token"] |= more["joules_per_token"]
        return result

    def _speed_task(self, slots: int, batches: list[int]) -> dict[str, Any]:
        context = min(self.protocol.context_size, self.artifact.context_size)
        length = min(self.protocol.prompt_tokens, context // 2)
        ids = self.windows.ids[0]
        # Each begins with another token: no engine may find one in its cache.
        prompts = [_turn(ids, 17 * number, length) for number in range(max(slots, 3))]
        task = {
            "kind": "speed",
            "model": str(self.artifact.path),
            "engine": self.recipe.engine,
            "quantization": _engine_precision(self.recipe.name),
            "context_size": context,
            "slots": slots,
            "batches": batches,
            "prompts": prompts,
            "new_tokens": self.protocol.new_tokens,
            "repeats": self.protocol.repeats,
        }
        steps = self.protocol.repeats * (len(batches) + (1 in batches))
        what = f"{self.recipe.name}: speed, {slots} slots"
        return run_task(task, steps, what, self.track)

    def _score_reference(self) -> Path | None:
        if self.reference is None:
            return None
        directory = self.directory / "reference"
        kept = max(1, self.protocol.divergence_tokens // len(self.windows.ids[0]))
        task = self._quality_task(self.reference, "transformers", self.protocol.reference_precision)
        _check_room(self.reference, self.windows, kept, self.directory)
        self._score(task | {"kept": kept}, directory, "reference: scoring")
        return directory

    def _score(self, task: dict[str, Any], directory: Path, what: str) -> None:
        if not is_scored(directory, len(self.windows.ids)):
            task |= {"directory": str(directory)}
            run_task(task, self.windows.tokens_scored, what, self.track)

    def _quality_task(self, artifact: Artifact, engine: str, precision: str) -> dict[str, Any]:
        return {
            "kind": "quality",
            "model": str(artifact.path),
            "engine": engine,
            "quantization": _engine_precision(precision),
            "context_size": len(self.windows.ids[0]),
            "windows": self.windows.ids,
        }

    def _directory(self, artifact: Artifact) -> Path:
        files = artifact.manifest["files"]
        return self.directory / f"{self.recipe.name}-{_key(files)}"


#: What can only be said beside a reference.
_COMPARED = ("mean_kl", "top1_agreement", "perplexity_ratio", "quality_score", "errors")


def work_directory(
    state_dir: Path, reference: Artifact | None, windows: Windows, protocol: Protocol
) -> Path:
    """Where the parts of measurements that share a text and a reference are kept."""
    files = reference.manifest["files"] if reference else []
    compared = [protocol.divergence_tokens, protocol.reference_precision, versions()]
    return state_dir / "measurements" / _key([windows.ids, files, compared])


def _compare(scores: "list[dict[str, Any]]", reference: "list[dict[str, Any]]") -> dict[str, Any]:
    ratio = perplexity_ratio(_joined(scores, "surprise"), _joined(reference, "surprise"))
    kl = mean(_joined(scores, "divergence"))
    same = mean(_joined(scores, "agreement"))
    return {
        "mean_kl": kl.value,
        "top1_agreement": same.value,
        "perplexity_ratio": ratio.value,
        "quality_score": quality_score(same.value, kl.value, ratio.value),
        "errors": {
            "mean_kl": kl.error,
            "top1_agreement": same.error,
            "perplexity_ratio": ratio.error,
        },
    }


def _joined(scores: "list[dict[str, Any]]", name: str) -> "np.ndarray[Any, Any]":
    return np.concatenate([window[name] for window in scores if name in window])


def _turn(ids: list[int], start: int, length: int) -> list[int]:
    """``length`` of ``ids`` from ``start`` on, again from the front where they end."""
    return [ids[(start + at) % len(ids)] for at in range(length)]


def _engine_precision(name: str) -> str:
    """What the transformers engine is asked for; a GGUF file is what it is."""
    return name if not name.startswith("q") else "fp32"


def _check_room(reference: Artifact, windows: Windows, kept: int, directory: Path) -> None:
    vocabulary = json.loads((reference.path / "config.json").read_text())["vocab_size"]
    stored = min(kept, len(windows.ids)) * len(windows.ids[0]) * vocabulary * 2
    try:
        check_disk(directory, stored)
    except ArtifactError as error:
        raise ArtifactError(f"{error}; --divergence-tokens makes it smaller") from error


def _key(content: object) -> str:
    return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]

"""Scores windows of text, one file each, so that an interrupted run goes on where it was."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from quantization.measure.likelihood import agreement, divergence, log_softmax, surprise
from worker.engines.slots.engine import SlotEngine
from worker.engines.slots.runner import Runner

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Told how many tokens were scored since the last call.
Advance = Callable[[int], None]


def score_reference(
    engine: SlotEngine[Runner],
    windows: Sequence[Sequence[int]],
    kept: int,
    directory: Path,
    advance: Advance,
) -> None:
    """Write what the full-precision model makes of ``windows``.

    The log-probabilities of the first ``kept`` are stored whole, [tokens, vocab] in float16.
    """
    for number, ids in _missing(windows, directory, advance):
        pieces: list[NDArray[np.float16]] = []
        keep = number < kept
        surprises = []
        for logprobs, targets, _ in _pieces(engine, ids):
            surprises.append(surprise(logprobs, targets))
            if keep:
                pieces.append(logprobs.astype(np.float16))
            advance(len(targets))
        if keep:
            with _logprobs_path(directory, number).open("wb") as file:
                np.save(file, np.concatenate(pieces))
        _save(directory, number, surprise=np.concatenate(surprises))


def score_candidate(
    engine: SlotEngine[Runner],
    windows: Sequence[Sequence[int]],
    directory: Path,
    reference: Path | None,
    advance: Advance,
) -> None:
    """Write what another model makes of them, compared with ``reference`` where that is kept."""
    for number, ids in _missing(windows, directory, advance):
        stored = _open_logprobs(reference, number)
        columns: dict[str, list[NDArray[np.float64]]] = {}
        for logprobs, targets, start in _pieces(engine, ids):
            columns.setdefault("surprise", []).append(surprise(logprobs, targets))
            if stored is not None:
                full = log_softmax(stored[start : start + len(logprobs)].astype(np.float32))
                columns.setdefault("divergence", []).append(divergence(full, logprobs))
                same = agreement(full, logprobs).astype(np.float64)
                columns.setdefault("agreement", []).append(same)
            advance(len(targets))
        _save(directory, number, **{name: np.concatenate(parts) for name, parts in columns.items()})


def is_scored(directory: Path, windows: int) -> bool:
    """Whether nothing is left to do in ``directory``."""
    return all(_path(directory, number).exists() for number in range(windows))


def read_scores(directory: Path, windows: int) -> "list[dict[str, NDArray[np.float64]]]":
    """What was written: one array [tokens] by name and window. Raises OSError where one lacks."""
    scores = []
    for number in range(windows):
        with np.load(_path(directory, number)) as file:
            scores.append(dict(file))
    return scores


def _missing(
    windows: Sequence[Sequence[int]], directory: Path, advance: Advance
) -> Iterator[tuple[int, Sequence[int]]]:
    directory.mkdir(parents=True, exist_ok=True)
    for number, ids in enumerate(windows):
        if _path(directory, number).exists():
            advance(len(ids) - 1)
        else:
            yield number, ids


def _pieces(
    engine: SlotEngine[Runner], ids: Sequence[int]
) -> "Iterator[tuple[NDArray[np.float32], NDArray[np.int64], int]]":
    """Log-probabilities, the ids that came, and the place of the first; the last predicts none."""
    start = 0
    for logits in engine.score(ids):
        targets = np.array(ids[start + 1 : start + 1 + len(logits)], np.int64)
        if len(targets):
            yield log_softmax(logits[: len(targets)]), targets, start
        start += len(logits)


def _open_logprobs(reference: Path | None, number: int) -> "NDArray[np.float16] | None":
    path = _logprobs_path(reference, number) if reference else None
    return np.load(path, mmap_mode="r") if path and path.exists() else None


def _path(directory: Path, number: int) -> Path:
    return directory / f"window-{number:04d}.npz"


def _logprobs_path(directory: Path, number: int) -> Path:
    return directory / f"logprobs-{number:04d}.npy"


def _save(directory: Path, number: int, **arrays: "NDArray[np.float64]") -> None:
    partial = directory / ".partial.npz"
    np.savez(partial, allow_pickle=False, **arrays)
    partial.rename(_path(directory, number))

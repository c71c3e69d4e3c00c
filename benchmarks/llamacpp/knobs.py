"""``python -m benchmarks.llamacpp.knobs``: what each knob of llama.cpp gains over our defaults.

Steps of three slots and of one, and the prefill of a prompt, with one knob turned at a time.
Ratios above 1 are faster than the defaults.
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from statistics import median

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from benchmarks.pairs import ratio
from benchmarks.rows import Row, save
from common.artifact import open_artifact, resolve_model
from common.settings import CommonSettings
from worker.engines.cores import usable_cores
from worker.engines.llamacpp import structs
from worker.engines.llamacpp.context import CPU_BATCH, Context, Entry
from worker.engines.settings import EngineSettings

DEFAULTS = "defaults"
SLOTS, CONTEXT_TOKENS, STEPS = 3, 4096, 8
#: Tokens that each slot holds when it is measured.
DEPTH = 256
_FLASH, _UNIFIED, _Q8_0 = 4, 5, 8

Turn = Callable[[structs.ContextParams], None]


def _flash_attention(value: int) -> Turn:
    def turn(params: structs.ContextParams) -> None:
        params.types[_FLASH] = value

    return turn


def _unified(params: structs.ContextParams) -> None:
    params.flags[_UNIFIED] = True


def _micro_batch(params: structs.ContextParams) -> None:
    params.n_ubatch = 32


def _eight_bits(params: structs.ContextParams) -> None:
    params.type_k = params.type_v = _Q8_0


def _full_precision(params: structs.ContextParams) -> None:
    params.type_k = params.type_v = structs.TYPE_F32


def _nothing(params: structs.ContextParams) -> None:
    pass


#: What is turned: the settings, and the context's parameters.
KNOBS: Mapping[str, tuple[EngineSettings, Turn]] = {
    DEFAULTS: (EngineSettings(n_gpu_layers=0), _nothing),
    "half the threads": (
        EngineSettings(n_gpu_layers=0, n_threads=max(1, usable_cores() // 2)),
        _nothing,
    ),
    "micro-batch 32": (EngineSettings(n_gpu_layers=0), _micro_batch),
    "flash attention on": (EngineSettings(n_gpu_layers=0), _flash_attention(1)),
    "flash attention off": (EngineSettings(n_gpu_layers=0), _flash_attention(0)),
    "one cache for all slots": (EngineSettings(n_gpu_layers=0), _unified),
    "keys and values in 8 bits": (EngineSettings(n_gpu_layers=0), _eight_bits),
    "keys and values in 32 bits": (EngineSettings(n_gpu_layers=0), _full_precision),
}


class Turned(Context):
    """A Context with one of its parameters turned."""

    def __init__(self, settings: EngineSettings, turn: Turn, model: str | None) -> None:
        common = CommonSettings()
        artifact = open_artifact(resolve_model(model, "llamacpp", common.state_dir))
        self._turn = turn
        super().__init__(artifact.path, settings, CONTEXT_TOKENS)

    def _context_params(self, settings: EngineSettings, context_size: int) -> structs.ContextParams:
        params = super()._context_params(settings, context_size)
        self._turn(params)
        return params


class KnobSettings(BaseSettings):
    """Read from the environment, as LLAMACPP_KNOBS_ROUNDS."""

    model_config = SettingsConfigDict(env_prefix="LLAMACPP_KNOBS_", frozen=True)

    rounds: int = Field(3, ge=1, description="how often each knob is turned")


def main() -> int:
    """Measure each knob in turn, several times; how many times as fast it makes what."""
    asked = KnobSettings()
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in KNOBS}
    for _ in range(asked.rounds):
        for name, (settings, turn) in KNOBS.items():
            with _turned(settings, turn) as context:
                rounds[name].append(_measure(context))
    rows = [
        _row(name, what, [run[what] for run in runs], [run[what] for run in rounds[DEFAULTS]])
        for name, runs in rounds.items()
        for what in runs[0]
        if name != DEFAULTS
    ]
    return save("llamacpp-knobs", asked, rows)


def _row(name: str, what: str, times: list[float], defaults: list[float]) -> Row:
    ours, peer = f"{median(times):.1f} ms", f"defaults {median(defaults):.1f}"
    return Row(f"{name}: {what}, times as fast", ours, peer, ratio(defaults, times), "", met=True)


@contextmanager
def _turned(settings: EngineSettings, turn: Turn) -> Iterator[Context]:
    context = Turned(settings, turn, CommonSettings().model)
    try:
        yield context
    finally:
        context.close()


def _measure(context: Context) -> dict[str, float]:
    """Milliseconds of a prefill of CPU_BATCH tokens, a step of all slots, and a step of one."""
    pieces = [_piece(slot, at) for slot in range(SLOTS) for at in range(0, DEPTH, CPU_BATCH)]
    return {
        "prefill": median(_times(context, pieces)),
        "step of 3": median(_times(context, [_step(SLOTS, n) for n in range(STEPS)])),
        "step of 1": median(_times(context, [_step(1, STEPS + n) for n in range(STEPS)])),
    }


def _piece(slot: int, start: int) -> list[Entry]:
    return [Entry(slot, at, 100 + at) for at in range(start, start + CPU_BATCH)]


def _step(slots: int, number: int) -> list[Entry]:
    return [Entry(slot, DEPTH + number, 100, wants_logits=True) for slot in range(slots)]


def _times(context: Context, batches: list[list[Entry]]) -> Iterator[float]:
    for batch in batches:
        started = time.perf_counter()
        context.decode(batch)
        yield 1e3 * (time.perf_counter() - started)


if __name__ == "__main__":
    sys.exit(main())

"""What everybody has: transformers' ``generate`` with bitsandbytes, eager; the control."""

from dataclasses import asdict
from functools import partial
from typing import Any

import torch

from benchmarks.roofline.clock import seconds
from benchmarks.roofline.serving import BATCHES, prompts
from benchmarks.roofline.settings import GpuBenchSettings, Scale
from common.artifact import Artifact
from quantization.measure.speed import Spread
from worker.engines.settings import EngineSettings, Quantization
from worker.engines.transformers.loading import load_model


def measure(
    artifact: Artifact, precision: Quantization, scale: Scale, settings: GpuBenchSettings
) -> dict[str, Any]:
    """Tokens a second of the decode steps alone, by batch: {batch: Spread}."""
    model = load_model(artifact, EngineSettings(quantization=precision, int8_threshold=0.0))
    device = model.device
    found = {}
    for batch in BATCHES:
        ids = torch.tensor(prompts(scale, settings.prompt_tokens, batch), device=device)

        def generate(tokens: int, ids: torch.Tensor = ids) -> None:
            model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                min_new_tokens=tokens,
                max_new_tokens=tokens,
                do_sample=False,
            )

        rates = []
        with torch.inference_mode():
            for _ in range(2):
                first = seconds(partial(generate, 1), device, repeats=1)
                whole = seconds(partial(generate, settings.control_tokens), device, repeats=1)
                rates.append(batch * (settings.control_tokens - 1) / max(whole - first, 1e-9))
        found[str(batch)] = asdict(Spread.of(rates))
    return found

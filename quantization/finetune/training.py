"""LoRA and QLoRA by peft, run by transformers' Trainer: checkpoints, resume, evaluation."""

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from common.artifact import Artifact, ArtifactError
from quantization.finetune.dataset import IGNORED, Example
from quantization.manifest import write_json

#: Every linear layer of a Llama block.
TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


@dataclass(frozen=True, slots=True)
class Training:
    """The knobs; ``rank`` and ``alpha`` are LoRA's."""

    epochs: float = 3.0
    max_steps: int = -1
    learning_rate: float = 2e-4
    batch_size: int = 4
    accumulation: int = 1
    rank: int = 16
    alpha: int = 32
    dropout: float = 0.05
    longest: int = 1024
    save_steps: int = 50
    seed: int = 0
    qlora: bool = False


def train(
    base: Artifact,
    training: Training,
    learned: Sequence[Example],
    asked: Sequence[Example],
    directory: Path,
) -> dict[str, Any]:
    """Write the adapter into ``directory``/adapter and return losses before and after.

    Called again after an interruption it goes on from the last checkpoint. Losses are mean
    negative log-likelihoods of a token of the explanations in ``asked``, in nats.
    """
    from transformers.trainer_utils import get_last_checkpoint

    _same_run(directory, base, training, len(learned))
    trainer = _trainer(base, training, learned, asked, directory)
    before = _before(trainer, directory)
    checkpoints = directory / "checkpoints"
    last = get_last_checkpoint(str(checkpoints)) if checkpoints.exists() else None
    outcome = trainer.train(resume_from_checkpoint=last)
    after = float(trainer.evaluate()["eval_loss"])
    trainer.model.save_pretrained(directory / "adapter")
    return {
        "loss_before": before,
        "loss_after": after,
        "perplexity_before": math.exp(before),
        "perplexity_after": math.exp(after),
        "steps": int(outcome.global_step),
        "resumed_from": Path(last).name if last else None,
        "rows_learned": len(learned),
        "rows_asked": len(asked),
        "training": asdict(training),
    }


def _before(trainer: Any, directory: Path) -> float:
    """The loss of the model as it came; a run that goes on has written it down."""
    path = directory / "before.json"
    if not path.exists():
        write_json(path, {"loss": float(trainer.evaluate()["eval_loss"])})
    return float(json.loads(path.read_text())["loss"])


def _same_run(directory: Path, base: Artifact, training: Training, rows: int) -> None:
    """Raises ArtifactError where ``directory`` has the checkpoints of something else."""
    path = directory / "run.json"
    run = {"base": base.name, "rows": rows, "training": asdict(training)}
    if path.exists() and json.loads(path.read_text()) != run:
        raise ArtifactError(
            f"{directory} holds the checkpoints of another run: use its options, "
            "or another --output-dir"
        )
    directory.mkdir(parents=True, exist_ok=True)
    write_json(path, run)


def _trainer(
    base: Artifact,
    training: Training,
    learned: Sequence[Example],
    asked: Sequence[Example],
    directory: Path,
) -> Any:
    import torch
    from transformers import Trainer, TrainingArguments, set_seed

    set_seed(training.seed)
    cuda = torch.cuda.is_available()
    arguments = TrainingArguments(
        output_dir=str(directory / "checkpoints"),
        num_train_epochs=training.epochs,
        max_steps=training.max_steps,
        learning_rate=training.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=2,
        per_device_train_batch_size=training.batch_size,
        per_device_eval_batch_size=training.batch_size,
        gradient_accumulation_steps=training.accumulation,
        save_strategy="steps",
        save_steps=training.save_steps,
        save_total_limit=2,
        logging_steps=10,
        seed=training.seed,
        report_to=[],
        use_cpu=not cuda,
        bf16=cuda,
        remove_unused_columns=False,
        dataloader_pin_memory=cuda,
    )
    return Trainer(
        model=_adapted(base, training, cuda=cuda),
        args=arguments,
        train_dataset=[asdict(example) for example in learned],
        eval_dataset=[asdict(example) for example in asked],
        data_collator=collate,
    )


def _adapted(base: Artifact, training: Training, *, cuda: bool) -> Any:
    """The base model with LoRA on every linear layer; its own weights stand still."""
    from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

    from worker.engines.settings import EngineSettings, Quantization
    from worker.engines.transformers.loading import load_model

    plain = Quantization.BF16 if cuda else Quantization.FP32
    precision = Quantization.NF4 if training.qlora else plain
    model = load_model(base, EngineSettings(quantization=precision))
    model.config.use_cache = False
    if training.qlora:
        model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
        _keep_differentiable(model)
    config = LoraConfig(
        r=training.rank,
        lora_alpha=training.alpha,
        lora_dropout=training.dropout,
        target_modules=list(TARGETS),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config)


def _keep_differentiable(model: Any) -> None:
    """Keep bitsandbytes' layers off their CPU kernel for inference, which has no gradient.

    The first evaluation would repack the weights for it, and training then goes astray silently
    (bitsandbytes 0.50, processors with AVX512-BF16).
    """
    from bitsandbytes.nn.modules import Linear4bit

    for module in model.modules():
        if isinstance(module, Linear4bit):
            module.support_avx512bf16_for_cpu = False


def collate(rows: Sequence[dict[str, list[int]]]) -> dict[str, Any]:
    """Rows as tensors [rows, longest]; what is filled up is neither seen nor learned."""
    import torch

    longest = max(len(row["ids"]) for row in rows)

    def tensor(name: str, filler: int) -> Any:
        return torch.tensor([row[name] + [filler] * (longest - len(row[name])) for row in rows])

    seen = [[1] * len(row["ids"]) + [0] * (longest - len(row["ids"])) for row in rows]
    return {
        "input_ids": tensor("ids", 0),
        "labels": tensor("labels", IGNORED),
        "attention_mask": torch.tensor(seen),
    }

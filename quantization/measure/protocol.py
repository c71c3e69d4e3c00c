"""What exactly is measured, in one value that stands in every result."""

from dataclasses import asdict, dataclass
from typing import Any

#: Neighbouring tokens are not independent: errors are those of means over so many.
BLOCK_TOKENS = 128

QUALITY_FORMULA = "10 * top1_agreement * exp(-mean_kl) * min(1, 1 / perplexity_ratio)"


@dataclass(frozen=True, slots=True)
class Protocol:
    """Sizes are in tokens.

    ``divergence_tokens`` bounds the disk that the reference takes: two bytes a token and entry
    of the vocabulary.
    """

    window: int = 2048
    divergence_tokens: int = 8192
    context_size: int = 4096
    slots: int = 3
    batches: tuple[int, ...] = (1, 3, 8)
    prompt_tokens: int = 128
    new_tokens: int = 64
    repeats: int = 3
    reference_precision: str = "fp32"

    def to_dict(self) -> dict[str, Any]:
        """With what the numbers mean, in words."""
        return asdict(self) | {
            "perplexity": (
                f"GPTQ/AWQ: the text tokenized once, disjoint windows of {self.window} tokens (or "
                "the model's context, or the whole text, if shorter), exp of the mean over windows "
                "of the mean negative log-likelihood; the rest of the text is left over"
            ),
            "decoding": (
                f"greedy, prompts of {self.prompt_tokens} tokens, {self.new_tokens} new tokens "
                "each, no end of text; all streams together, counted while every one decodes; "
                f"median of {self.repeats}, after a warm-up"
            ),
            "errors": f"standard errors over blocks of {BLOCK_TOKENS} tokens",
            "quality_score": QUALITY_FORMULA,
            "seed": "none: everything is greedy",
        }

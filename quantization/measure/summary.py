"""From numbers a token to the numbers of the table."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from quantization.measure.protocol import BLOCK_TOKENS

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its standard error."""

    value: float
    error: float


def perplexity(surprises: "list[NDArray[np.float64]]") -> float:
    """Exp of the mean over windows of each one's mean: GPTQ's formula, for equal windows."""
    return float(np.exp(np.mean([window.mean() for window in surprises])))


def mean(numbers: "NDArray[np.float64]") -> Estimate:
    """The mean, its error from the spread of blocks."""
    blocks = np.array_split(numbers, max(1, len(numbers) // BLOCK_TOKENS))
    means = np.array([block.mean() for block in blocks])
    error = means.std(ddof=1) / math.sqrt(len(means)) if len(means) > 1 else math.nan
    return Estimate(float(numbers.mean()), float(error))


def perplexity_ratio(
    surprises: "NDArray[np.float64]", reference: "NDArray[np.float64]"
) -> Estimate:
    """Perplexity over the reference's on the same tokens; paired, so far surer than either."""
    difference = mean(surprises - reference)
    ratio = math.exp(difference.value)
    return Estimate(ratio, ratio * difference.error)


def quality_score(top1_agreement: float, mean_kl: float, ratio: float) -> float:
    """0 to 10, by QUALITY_FORMULA: 10 is the full-precision model, whatever that is worth."""
    return 10 * top1_agreement * math.exp(-mean_kl) * min(1.0, 1 / ratio)

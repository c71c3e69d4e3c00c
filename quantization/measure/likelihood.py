"""What the logits of a piece of text say about it. Natural logarithms everywhere."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def log_softmax(logits: "NDArray[np.float32]") -> "NDArray[np.float32]":
    """Log-probabilities [tokens, vocab], the normalizer summed in double precision."""
    shifted = logits - logits.max(-1, keepdims=True)
    normalizer = np.log(np.exp(shifted).sum(-1, keepdims=True, dtype=np.float64))
    logprobs: NDArray[np.float32] = shifted - normalizer.astype(np.float32)
    return logprobs


def surprise(
    logprobs: "NDArray[np.float32]", targets: "NDArray[np.int64]"
) -> "NDArray[np.float64]":
    """The negative log-likelihood [tokens] of what really came."""
    chosen = np.take_along_axis(logprobs, targets[:, None], -1)[:, 0]
    return -chosen.astype(np.float64)


def divergence(
    reference: "NDArray[np.float32]", logprobs: "NDArray[np.float32]"
) -> "NDArray[np.float64]":
    """Kullback-Leibler divergence [tokens] of ``logprobs`` from ``reference``, in nats."""
    nats = np.einsum("tv,tv->t", np.exp(reference), reference - logprobs)
    return np.asarray(nats, np.float64)


def agreement(
    reference: "NDArray[np.float32]", logprobs: "NDArray[np.float32]"
) -> "NDArray[np.bool_]":
    """Whether both find the same token likeliest [tokens]."""
    same: NDArray[np.bool_] = reference.argmax(-1) == logprobs.argmax(-1)
    return same

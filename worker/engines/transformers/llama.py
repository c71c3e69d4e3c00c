"""Llama's forward pass over a SlotCache, with as few calls into torch as it takes.

The weights and their layers are those of transformers' ``LlamaForCausalLM``; only the code
between them is ours. transformers' own is the oracle of the tests.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import rms_norm, scaled_dot_product_attention

from worker.engines.transformers.cache import SlotCache
from worker.engines.transformers.merge import merge
from worker.engines.transformers.packed import pack

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM


class Part(NamedTuple):
    """Rows that go through attention together: as many ``tokens`` each, over ``width`` columns."""

    rows: slice
    tokens: int
    width: int

    @property
    def size(self) -> int:
        """Tokens of all rows."""
        count: int = self.rows.stop - self.rows.start
        return count * self.tokens

    def of(self, stored: Tensor) -> Tensor:
        """What attention sees of a layer's cache."""
        return stored[self.rows, : self.width]


class Llama:
    """``model`` over ``cache``; shares the weights of ``model``, which goes on working."""

    def __init__(self, model: "LlamaForCausalLM", cache: SlotCache) -> None:
        config, decoder = model.config, model.model
        self._cache = cache
        self._embed, self._norm = decoder.embed_tokens, decoder.norm
        self._head = pack(model, "lm_head")
        self._layers = [_Layer(layer, config) for layer in decoder.layers]
        self._group = config.num_attention_heads // config.num_key_value_heads
        self._cos, self._sin = _rotations(decoder, cache.scratch)

    def next_logits(self, ids: Tensor, columns: Tensor, width: int) -> Tensor:
        """[rows * tokens, vocab] after ``ids`` [rows, tokens], as many for each of the first rows."""
        count, tokens = ids.shape
        rows = torch.arange(count, device=ids.device)[:, None].expand(-1, tokens)
        part = Part(slice(0, count), tokens, width)
        hidden = self.hidden_states(ids.flatten(), rows.flatten(), columns.flatten(), [part])
        return self.logits(hidden)

    def logits(self, hidden: Tensor) -> Tensor:
        """[tokens, vocab] of hidden states [tokens, hidden_size]."""
        return self._head(hidden)

    def hidden_states(
        self, ids: Tensor, rows: Tensor, columns: Tensor, parts: Sequence[Part]
    ) -> Tensor:
        """[tokens, hidden_size] of ``ids`` [tokens], which go to ``rows`` and ``columns`` [tokens].

        The tokens come part by part, a row after the other. A token that goes to scratch stands
        at position 0.
        """
        positions = columns.masked_fill(columns == self._cache.scratch, 0)
        turn = self._cos[positions], self._sin[positions]
        sizes = [part.size for part in parts]
        masks = [
            self._mask(at.view(-1, part.tokens), part.width)
            for part, at in zip(parts, positions.split(sizes), strict=True)
        ]
        hidden = self._embed(ids)
        for layer, stored in zip(self._layers, self._cache.layers, strict=True):
            query, new = layer.project(hidden, turn)
            stored[rows, columns] = new
            seen = [
                self._attend(asks.unflatten(0, (-1, part.tokens)), part.of(stored), mask)
                for part, asks, mask in zip(parts, query.split(sizes), masks, strict=True)
            ]
            hidden = layer.transform(hidden, torch.cat(seen) if len(seen) > 1 else seen[0])
        return self._norm(hidden)

    def _attend(self, query: Tensor, stored: Tensor, mask: Tensor) -> Tensor:
        """[rows * tokens, heads * head_dim] of ``query`` [rows, tokens, heads, head_dim].

        The query heads that share a head of keys stand as further tokens of that head: so no key
        is copied for each of them, which took most of the time of a step.
        """
        rows, tokens, heads, head_dim = query.shape
        keys, values = stored.transpose(1, 2).chunk(2, 1)
        grouped = query.view(rows, tokens, -1, self._group, head_dim).permute(0, 2, 3, 1, 4)
        grouped = grouped.reshape(rows, heads // self._group, -1, head_dim)
        seen = scaled_dot_product_attention(grouped, keys, values, attn_mask=mask)
        seen = seen.view(rows, -1, self._group, tokens, head_dim).permute(0, 3, 1, 2, 4)
        return seen.reshape(rows * tokens, heads * head_dim)

    def _mask(self, positions: Tensor, width: int) -> Tensor:
        """Additive, [rows, 1, group * tokens, width]: a token sees columns up to its own."""
        hidden = torch.arange(width, device=positions.device) > positions[:, None, :, None]
        visible = torch.zeros(hidden.shape, dtype=self._cos.dtype, device=positions.device)
        return visible.masked_fill_(hidden, float("-inf")).repeat(1, 1, self._group, 1)


class _Layer:
    """One decoder layer: what is before its attention, and what comes after."""

    def __init__(self, layer: Any, config: Any) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self._qkv = merge(attention, ["q_proj", "k_proj", "v_proj"])
        self._gate_up = merge(mlp, ["gate_proj", "up_proj"])
        self._out, self._down = pack(attention, "o_proj"), pack(mlp, "down_proj")
        self._activate = mlp.act_fn
        self._before = layer.input_layernorm.weight
        self._after = layer.post_attention_layernorm.weight
        self._heads = config.num_attention_heads
        self._keys = config.num_key_value_heads
        self._head_dim = config.head_dim
        self._epsilon = config.rms_norm_eps

    def project(self, hidden: Tensor, turn: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        """Queries [tokens, heads, head_dim], and what to store: keys before values."""
        normed = rms_norm(hidden, self._before.shape, self._before, self._epsilon)
        qkv = self._qkv(normed).unflatten(-1, (-1, self._head_dim))
        turned = qkv[:, : self._heads + self._keys]
        cos, sin = turn
        swapped = turned.roll(self._head_dim // 2, -1)
        turned.mul_(cos).addcmul_(swapped, sin)
        return qkv[:, : self._heads], qkv[:, self._heads :]

    def transform(self, hidden: Tensor, seen: Tensor) -> Tensor:
        """The layer's output, of its input and what its attention saw."""
        hidden = hidden + self._out(seen)
        normed = rms_norm(hidden, self._after.shape, self._after, self._epsilon)
        gate, up = self._gate_up(normed).chunk(2, -1)
        return hidden + self._down(self._activate(gate).mul_(up))


def _rotations(decoder: Any, context_size: int) -> tuple[Tensor, Tensor]:
    """Cosines and sines [context_size, 1, head_dim] of RoPE, for pairs of halves.

    ``x cos + swap(x) sin``: the first half of the sines carries the minus of the rotation.
    """
    weight = decoder.embed_tokens.weight
    positions = torch.arange(context_size, device=weight.device)[None]
    cos, sin = decoder.rotary_emb(weight[:1], positions)
    sin = torch.cat((-sin[..., : sin.shape[-1] // 2], sin[..., sin.shape[-1] // 2 :]), -1)
    return cos[0, :, None], sin[0, :, None]

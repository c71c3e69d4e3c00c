"""Reads a tokenizer.json into less memory than ``Encoder.from_file`` leaves taken.

That one builds a tree of the whole file beside what it keeps: a vocabulary of 49,152 leaves 5 MB
of holes in the heap, too small to be given back. Here Python reads the file, and what it took
goes back whole.
"""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken
from tokenizers import Tokenizer as Encoder
from tokenizers.models import BPE

#: What a byte-pair encoding may be told besides its vocabulary and its merges.
_KNOBS = frozenset(
    {
        *("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix"),
        *("fuse_unk", "byte_fallback", "ignore_merges"),
    }
)


def read_encoder(path: Path) -> Encoder:
    """The tokenizer in ``path``. Raises OSError; what ``tokenizers`` raises for a bad file."""
    raw: dict[str, Any] = json.loads(path.read_bytes())
    model, added = raw["model"], raw["added_tokens"]
    vocab, merges = model.pop("vocab", None), model.pop("merges", None)
    if model.pop("type", "BPE") != "BPE" or not model.keys() <= _KNOBS or not merges:
        return Encoder.from_file(str(path))
    encoder = _without_words(raw)
    given = {name: value for name, value in model.items() if value is not None}
    encoder.model = BPE(vocab, [_pair(merge) for merge in merges], **given)
    for token in sorted(added, key=lambda one: int(one["id"])):
        _add(encoder, token)
    same = all(encoder.token_to_id(token["content"]) == token["id"] for token in added)
    return encoder if same else Encoder.from_file(str(path))


def _without_words(raw: dict[str, Any]) -> Encoder:
    """All of it but the model and the added tokens."""
    empty = {"type": "BPE", "vocab": {}, "merges": []}
    return Encoder.from_str(json.dumps({**raw, "model": empty, "added_tokens": []}))


def _pair(merge: Any) -> tuple[str, str]:
    """A merge as a pair of names, or in older files as both with a space between."""
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


def _add(encoder: Encoder, token: dict[str, Any]) -> None:
    about = {name: token[name] for name in ("single_word", "lstrip", "rstrip", "normalized")}
    one = AddedToken(token["content"], special=token["special"], **about)
    (encoder.add_special_tokens if token["special"] else encoder.add_tokens)([one])

"""Builds a ``tokenizers.Tokenizer`` from the vocabulary inside a GGUF file.

``tokenizer.ggml.model`` and ``tokenizer.ggml.pre`` name the algorithm, as llama.cpp reads
them; its shape is that of the models' original tokenizer.json.
"""

from collections.abc import Iterator, Sequence

from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    normalizers,
    pre_tokenizers,
    processors,
)
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel, Digits, PreTokenizer, Split

from common.artifact import ArtifactError
from quantization.gguf_file import GgufFile, TokenType

_LLAMA3_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LLAMA3 = frozenset({"llama-bpe", "llama3", "llama-v3"})
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"


def build_tokenizer(file: GgufFile) -> Tokenizer:
    """The tokenizer of ``file``. Raises ArtifactError for a kind that is not known here."""
    match file.tokenizer_model:
        case "gpt2":
            tokenizer = _byte_level(file)
        case "llama":
            tokenizer = _sentencepiece(file)
        case unknown:
            raise _unknown(file, f"tokenizer.ggml.model {unknown}")
    _add_tokens(tokenizer, file)
    if _adds_bos(file):
        bos = file.special_tokens["bos_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=[bos, "$A"], special_tokens=[(bos, tokenizer.token_to_id(bos))]
        )
    return tokenizer


def merges_from_scores(
    tokens: Sequence[str], scores: Sequence[float], mergeable: Sequence[bool]
) -> list[tuple[str, str]]:
    """The BPE merges that a SentencePiece vocabulary implies, best first.

    Two tokens merge where their concatenation is a token; its score is the merge's rank.
    Only ``mergeable`` tokens take part: no merge may spell a control token.
    """
    ids = {token: i for i, token in enumerate(tokens) if mergeable[i]}
    merges = [(pair, scores[i]) for token, i in ids.items() for pair in _splits(token, ids)]
    merges.sort(key=lambda merge: (merge[1], len(merge[0][0]), len(merge[0][1])), reverse=True)
    return [pair for pair, _ in merges]


def _splits(token: str, ids: dict[str, int]) -> list[tuple[str, str]]:
    pairs = ((token[:at], token[at:]) for at in range(1, len(token)))
    known = [pair for pair in pairs if pair[0] in ids and pair[1] in ids]
    return sorted(known, key=lambda pair: (ids[pair[0]], ids[pair[1]]))


def _byte_level(file: GgufFile) -> Tokenizer:
    """GPT-2's BPE over bytes: SmolLM2, Llama 3."""
    vocabulary = {token: i for i, token in enumerate(file.tokens)}
    model = BPE(vocab=vocabulary, merges=file.merges, ignore_merges=file.pre_tokenizer in _LLAMA3)
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = _pre_tokenizer(file)
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _pre_tokenizer(file: GgufFile) -> PreTokenizer:
    name = file.pre_tokenizer
    if name in _LLAMA3:
        split = Split(Regex(_LLAMA3_SPLIT), behavior="isolated")
        return pre_tokenizers.Sequence([split, ByteLevel(add_prefix_space=False, use_regex=False)])
    if name == "smollm":
        digits = Digits(individual_digits=True)
        return pre_tokenizers.Sequence([digits, ByteLevel(add_prefix_space=False)])
    if name == "gpt-2":
        return ByteLevel(add_prefix_space=False)
    raise _unknown(file, f"tokenizer.ggml.pre {name}")


def _sentencepiece(file: GgufFile) -> Tokenizer:
    """BPE over characters with bytes to fall back on: Llama 2."""
    tokens = file.tokens
    mergeable = [kind in (TokenType.NORMAL, TokenType.USER_DEFINED) for kind in file.token_types]
    merges = file.merges or merges_from_scores(tokens, file.scores, mergeable)
    vocabulary = {token: i for i, token in enumerate(tokens)}
    unknown = file.special_tokens.get("unk_token", "<unk>")
    tokenizer = Tokenizer(
        BPE(vocab=vocabulary, merges=merges, unk_token=unknown, fuse_unk=True, byte_fallback=True)
    )
    space = [normalizers.Prepend(_SPACE)] if file.adds_leading_space else []
    tokenizer.normalizer = normalizers.Sequence([*space, normalizers.Replace(" ", _SPACE)])
    strip = [decoders.Strip(content=" ", left=1)] if file.adds_leading_space else []
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_SPACE, " "), decoders.ByteFallback(), decoders.Fuse(), *strip]
    )
    return tokenizer


def _add_tokens(tokenizer: Tokenizer, file: GgufFile) -> None:
    """Mark the tokens that are matched whole in a text: control and user-defined ones."""
    tokenizer.add_special_tokens(
        list(_added(file, special=True, kinds={TokenType.CONTROL, TokenType.UNKNOWN}))
    )
    tokenizer.add_tokens(list(_added(file, special=False, kinds={TokenType.USER_DEFINED})))


def _added(file: GgufFile, special: bool, kinds: set[TokenType]) -> Iterator[AddedToken]:
    for token, kind in zip(file.tokens, file.token_types, strict=True):
        if kind in kinds:
            yield AddedToken(token, normalized=False, special=special)


def _adds_bos(file: GgufFile) -> bool:
    """Files that do not say follow llama.cpp: Llama 2 and 3 begin with their bos token."""
    default = file.tokenizer_model == "llama" or file.pre_tokenizer in _LLAMA3
    return bool(file.metadata.get("tokenizer.ggml.add_bos_token", default))


def _unknown(file: GgufFile, what: str) -> ArtifactError:
    return ArtifactError(
        f"{file.path} has a tokenizer that is not known here ({what}): "
        "put the model's own tokenizer.json beside it"
    )

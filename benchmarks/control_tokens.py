"""``python -m benchmarks.control_tokens [strings]``: hostile strings, and what becomes of them.

For each engine with a model: every string is encoded as raw text and as the content of each
role of a conversation. A control token beyond those of the scaffold is a broken promise. The
openai engine encodes nothing: there every message must reach the upstream as it was said, with
its role, so that the upstream can tell its own scaffold from contents.
"""

import json
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

from common.artifact import Artifact, open_artifact, resolve_model
from common.prompt import Message, Prompt, Role
from common.sampling import Sampling
from common.settings import CommonSettings
from common.tokenizer import ModelTokenizer
from worker.engines.openai.wire import request_of

STRINGS = 100_000
ENGINES = ("llamacpp", "transformers")
ROLES = (Role.SYSTEM, Role.USER, Role.ASSISTANT)

#: What is put between the control tokens and their halves.
_GLUE = (
    *("", " ", "\n", "\u200b", "\u00ad", "\ufeff", "\u202e", "system\n", "assistant\n", "user"),
    *("<", ">", "|", "\uff1c", "\uff1e", "\uff5c", "\\", "{{", "}}", "{% raw %}", "\U000f0000"),
    *("&lt;|", "[INST]", "<s>", "</s>", "<<SYS>>", "<bos>", "<|eot_id|>", "\u2581", "\u0120"),
)


@dataclass(frozen=True, slots=True)
class Control:
    """The control tokens of one model, read from its tokenizer.json itself."""

    ids: frozenset[int]
    names: tuple[str, ...]

    @classmethod
    def of(cls, artifact: Artifact) -> "Control":
        """What the file calls special."""
        added = json.loads(artifact.tokenizer_path.read_text())["added_tokens"]
        special = {token["content"]: token["id"] for token in added if token["special"]}
        return cls(frozenset(special.values()), tuple(special))


def hostile_strings(names: tuple[str, ...], count: int, seed: int = 0) -> Iterator[str]:
    """Control tokens, halves of them and look-alikes, in any order; the same ones every time."""
    draw = random.Random(seed)
    for _ in range(count):
        yield "".join(_fragment(draw, names) for _ in range(draw.randint(1, 8)))


def _fragment(draw: random.Random, names: tuple[str, ...]) -> str:
    name = draw.choice(names)
    cut = draw.randint(0, len(name))
    return draw.choice(
        (
            *(name, name[:cut], name[cut:], name[:cut] + draw.choice(_GLUE) + name[cut:]),
            *(name.upper(), draw.choice(_GLUE), draw.choice(_GLUE), chr(draw.randint(32, 0xD7FF))),
        )
    )


class Probe:
    """Finds the control tokens that content has made."""

    def __init__(self, tokenizer: ModelTokenizer, control: Control) -> None:
        self._tokenizer = tokenizer
        self._control = control
        self._scaffold = self._in_turns("x")

    def smuggled(self, text: str) -> int:
        """How many ``text`` makes, as raw text and as three turns of a conversation."""
        raw = self._found(Prompt(text=text))
        turns = self._in_turns(text)
        return len(raw) + (turns != self._scaffold) * max(1, len(turns) - len(self._scaffold))

    def _in_turns(self, content: str) -> list[int]:
        return self._found(Prompt(messages=tuple(Message(role, content) for role in ROLES)))

    def _found(self, prompt: Prompt) -> list[int]:
        return [token for token in self._tokenizer.encode(prompt) if token in self._control.ids]


def passed_on_wrongly(text: str) -> int:
    """1 if a conversation around ``text`` reaches an upstream as another one."""
    prompt = Prompt(messages=tuple(Message(role, text) for role in ROLES))
    path, body = request_of("m", prompt, Sampling(), logprobs=False)
    read = json.loads(json.dumps(body))
    told = [(message["role"], message["content"]) for message in read["messages"]]
    return int(path != "chat/completions" or "prompt" in read or told != _said(text))


def _said(text: str) -> list[tuple[str, str]]:
    return [(role.value, text) for role in ROLES]


def main() -> int:
    """Try every engine; exit status 1 on a control token from content."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else STRINGS
    found = 0
    for engine in ENGINES:
        artifact = open_artifact(resolve_model(None, engine, CommonSettings().state_dir))
        control = Control.of(artifact)
        probe = Probe(ModelTokenizer.load(artifact), control)
        start = time.monotonic()
        made = sum(map(probe.smuggled, hostile_strings(control.names, count)))
        sys.stdout.write(
            f"{engine}: {count} strings, {len(control.ids)} control tokens known, "
            f"{made} from content, {time.monotonic() - start:.0f} s ({artifact.path.name})\n"
        )
        found += made
    wrong = sum(map(passed_on_wrongly, hostile_strings(control.names, count)))
    sys.stdout.write(f"openai: {count} strings, {wrong} that reach the upstream as another text\n")
    return int(found + wrong > 0)


if __name__ == "__main__":
    raise SystemExit(main())

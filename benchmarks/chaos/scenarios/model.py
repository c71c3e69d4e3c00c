"""Real Llama weights, killed in the middle of answers that clients are reading."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from threading import Thread

import httpx

from benchmarks.chaos.crowd import Order
from benchmarks.chaos.result import Result
from benchmarks.chaos.settings import ChaosSettings
from benchmarks.chaos.trial import Trial
from cli.sse import parse_events, split_lines
from quantization.fetch import fetch

TOPICS = (
    *("an RSI of 71", "a falling dollar", "a stock split", "an inverted yield curve"),
    *("high implied volatility", "a profit warning", "a share buyback", "a short squeeze"),
)
QUESTIONS = ("Explain {}.", "Explain {} to a child.", "What does {} mean for a stock?")
TOKENS = 120
#: A worker is killed once one of its answers has so many new tokens.
TOKENS_BEFORE_A_KILL = 15
KILLS = 6


@dataclass
class Reader:
    """A client that streams one answer."""

    job_id: str
    text: str = ""
    tokens: int = 0  #: that released text
    counted: int = 0  #: as the stream says at its end
    seen: list[str] = field(default_factory=list)  #: the text when a worker was killed

    def read(self, client: httpx.Client) -> None:
        with client.stream("GET", f"/jobs/{self.job_id}/events") as answer:
            for event in parse_events(split_lines(answer.iter_text())):
                if event.name == "token":
                    data = json.loads(event.data)
                    self.text += data["text"]
                    self.tokens += data["tokens"]
                elif event.name == "done":
                    self.counted = json.loads(event.data)["usage"]["completion_tokens"]


def model(settings: ChaosSettings, directory: Path) -> Result:
    """Greedy answers of SmolLM2-135M: first undisturbed, then with workers killed under them."""
    weights = fetch(None, settings.models, lambda _: None)[0].path
    environment = {"ENGINE": "llamacpp", "MODEL": str(weights), "N_CTX": "1024", "N_THREADS": "1"}
    with Trial("model", directory, settings.seed, **environment) as trial:
        trial.start(workers=2)
        undisturbed = _answers(trial, _read_all(trial, "undisturbed"))
        readers = _read_all(trial, "killed", kills=KILLS)
        _compare(trial, readers, undisturbed)
        return trial.result()


def _orders(part: str) -> Iterator[Order]:
    for n, (question, topic) in enumerate(product(QUESTIONS, TOPICS)):
        yield Order(f"{part}-{n}", question.format(topic), TOKENS, known=False)


def _read_all(trial: Trial, part: str, kills: int = 0) -> list[Reader]:
    """Submit, stream every answer, and kill workers that are in the middle of some."""
    crowd = trial.submit(_orders(part))
    crowd.join(60)
    readers = [Reader(acceptance.job_id) for acceptance in crowd.acceptances]
    with httpx.Client(base_url=crowd.base_url, timeout=120.0, trust_env=False) as client:
        client.headers["Authorization"] = f"Bearer {crowd.token}"
        threads = [Thread(target=r.read, args=(client,), daemon=True) for r in readers]
        for thread in threads:
            thread.start()
        for number in range(kills):
            _kill_in_the_middle(trial, f"worker-{number % 2}", readers)
        trial.wait_for_the_end(180)
        for thread in threads:
            thread.join(30)
    return readers


def _kill_in_the_middle(trial: Trial, name: str, readers: list[Reader]) -> None:
    begun = {reader.job_id: reader.tokens for reader in readers}
    pid = trial.service.workers[name].pid
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        held = set(trial.held_by(pid))
        made = [r.tokens - begun[r.job_id] for r in readers if r.job_id in held]
        if max(made, default=0) >= TOKENS_BEFORE_A_KILL:
            for reader in readers:
                reader.seen.append(reader.text)
            trial.kill_worker(name)
            trial.service.start_worker(name)
            return
        time.sleep(0.05)


def _answers(trial: Trial, readers: list[Reader]) -> list[str]:
    jobs = [trial.read(reader.job_id) for reader in readers]
    return [job.text if job else "" for job in jobs]


def _compare(trial: Trial, readers: list[Reader], undisturbed: list[str]) -> None:
    texts = dict(zip(_prompts(trial, "undisturbed"), undisturbed, strict=True))
    equal: dict[bool, list[bool]] = {True: [], False: []}  # by whether the answer was resumed
    prompts = _prompts(trial, "killed")
    for prompt, reader in zip(prompts, readers, strict=True):
        job = trial.read(reader.job_id)
        if job is None:
            continue
        if any(not job.text.startswith(text) for text in reader.seen):
            trial.broken.append(f"{job.id}: what was seen before a kill does not stand")
        if (reader.text, reader.counted) != (job.text, job.tokens):
            trial.broken.append(f"{job.id}: the stream is not the record")
        equal[job.attempts > 1].append(job.text == texts[prompt])
    trial.notes.append(
        f"{sum(equal[True])} of {len(equal[True])} resumed answers, and {sum(equal[False])} of "
        f"{len(equal[False])} others, equal the undisturbed run's"
    )


def _prompts(trial: Trial, part: str) -> list[str]:
    return [a.order.prompt for a in trial.acceptances if a.order.key.startswith(part)]

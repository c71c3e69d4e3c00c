"""Clients that submit jobs until each is accepted, as a client with a key may."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle, islice
from threading import Event, Lock, Thread

import httpx

from common.prompt import Message, Prompt, Role
from common.tokenizer import ByteTokenizer

ACCEPTED, UNAVAILABLE = 202, 503
#: Seconds before a client tries again.
PAUSE_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Order:
    """What one client wants, under a key of its own."""

    key: str
    prompt: str
    tokens: int
    known: bool = True  #: whether the answer is, because the echo engine gives it

    def echo(self) -> str:
        """What the echo engine must answer."""
        prompt = Prompt(messages=(Message(Role.USER, self.prompt),))
        tokenizer = ByteTokenizer()
        script = [i for i in tokenizer.encode(prompt) if i not in tokenizer.eos_token_ids]
        return tokenizer.decode(list(islice(cycle(script), self.tokens)))


@dataclass(frozen=True, slots=True)
class Acceptance:
    """A 202: the promise that is tested. ``at`` in seconds of ``time.monotonic()``."""

    job_id: str
    order: Order
    at: float


@dataclass
class Crowd:
    """``clients`` threads that work through ``orders`` at ``per_second`` in all (0: no pause)."""

    base_url: str
    token: str
    orders: Iterator[Order]
    clients: int = 3
    per_second: float = 0.0
    acceptances: list[Acceptance] = field(default_factory=list)
    refusal_seconds: list[float] = field(default_factory=list)  #: how long each 503 took
    surprises: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = Lock()
        self._stop = Event()
        self._threads = [Thread(target=self._work, daemon=True) for _ in range(self.clients)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, timeout_seconds: float) -> None:
        """Wait until every order was accepted, or give up."""
        deadline = time.monotonic() + timeout_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._stop.set()

    def busy(self) -> bool:
        """Whether some order is still to be accepted."""
        return any(thread.is_alive() for thread in self._threads)

    def _work(self) -> None:
        with httpx.Client(base_url=self.base_url, timeout=20.0, trust_env=False) as client:
            client.headers["Authorization"] = f"Bearer {self.token}"
            for order in iter(self._next, None):
                began = time.monotonic()
                while not self._stop.is_set() and not self._submit(client, order):
                    self._stop.wait(PAUSE_SECONDS)
                if self.per_second:
                    pace = self.clients / self.per_second
                    self._stop.wait(max(0.0, pace - (time.monotonic() - began)))

    def _next(self) -> Order | None:
        with self._lock:
            return None if self._stop.is_set() else next(self.orders, None)

    def _submit(self, client: httpx.Client, order: Order) -> bool:
        body = {"prompt": order.prompt, "max_tokens": order.tokens, "temperature": 0}
        began = time.monotonic()
        try:
            answer = client.post("/generate", json=body, headers={"Idempotency-Key": order.key})
        except httpx.TransportError:
            return False
        now = time.monotonic()
        if answer.status_code == ACCEPTED:
            self.acceptances.append(Acceptance(answer.json()["id"], order, now))
        elif answer.status_code == UNAVAILABLE:
            self.refusal_seconds.append(now - began)
        else:
            self.surprises.append(f"a submit was answered {answer.status_code}: {answer.text}")
        return answer.status_code != UNAVAILABLE

"""A receiver that fails, hangs and goes away, while webhook workers are killed."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from statistics import median
from threading import Lock

import httpx
from standardwebhooks import Webhook, WebhookVerificationError

from benchmarks.chaos.deliveries import Post, broken_promises
from benchmarks.chaos.result import Result
from benchmarks.chaos.settings import ChaosSettings
from benchmarks.chaos.trial import Trial
from benchmarks.sink import OK, Receipt, Reply, Sink
from benchmarks.waiting import wait_until
from common import keys
from common.webhooks import Delivery, EventType, Try

EVENTS = [EventType.JOB_STARTED, EventType.JOB_COMPLETED, EventType.JOB_CANCELLED]
#: The standard schedule takes three days; this one keeps its shape and takes minutes.
SCHEDULE = ",".join(["0", "0.5", "1", "2", *["4"] * 100])
ENVIRONMENT = {
    "ECHO_TOKENS_PER_SECOND": "10",  # a job lasts long enough to tell of its start
    "MAX_CONCURRENT_REQUESTS": "16",
    "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    "WEBHOOK_ENDPOINT_CONCURRENCY": "16",
    "WEBHOOK_RETRY_SCHEDULE": SCHEDULE,
    "WEBHOOK_TIMEOUT_SECONDS": "2",
}
FAILING, HANGING = 0.3, 0.005
SENDERS = ("webhooks-0", "webhooks-1")
HEALTHY_JOBS, HEALTHY_PER_SECOND = 300, 20
#: While the receiver is healthy, half of the events arrive within this.
PROMPT_MS = 50.0
#: Jobs for each second that the receiver is away: a minute in the full run.
JOBS_PER_SECOND_AWAY = 170


class Receiver:
    """Checks every signature; once it is told to, it fails at random and hangs."""

    def __init__(self, seed: int) -> None:
        self.sink = Sink(self._reply)
        self.secret = ""
        self.moody = False
        self.unsigned = 0
        self._random = Random(seed)
        self._lock = Lock()

    def _reply(self, receipt: Receipt) -> Reply:
        with self._lock:
            chance = self._random.random() if self.moody else 1.0
            self.unsigned += not self._is_ours(receipt)
        if chance < HANGING:
            return Reply(after_seconds=30)
        return Reply(500, body=b"at random") if chance < HANGING + FAILING else OK

    def _is_ours(self, receipt: Receipt) -> bool:
        try:
            Webhook(self.secret).verify(receipt.body, dict(receipt.headers), json_parse=False)
        except WebhookVerificationError:
            return False
        return True


def webhooks(settings: ChaosSettings, directory: Path) -> Result:
    """The receiver fails 30 %, hangs, is away for a minute; its senders are SIGKILLed."""
    receiver = Receiver(settings.seed)
    with Trial("webhooks", directory, settings.seed, **ENVIRONMENT) as trial:
        for name in SENDERS:
            trial.service.start_worker(name, "webhooks")
        trial.start(workers=2)
        receiver.sink.start()
        receiver.secret = register(trial, receiver.sink.url)
        measure_healthy(trial, receiver, settings.at_most(HEALTHY_JOBS))
        receiver.moody = True
        torment(trial, receiver, 2 * settings.jobs, Random(settings.seed))
        trial.wait_for_the_end(120)
        deliver_the_rest(trial)
        judge(trial, receiver)
        receiver.sink.stop()
        return trial.result()


def register(trial: Trial, url: str) -> str:
    """Register the endpoint as its owner; its secret."""
    answer = httpx.post(
        f"{trial.service.base_url}/webhooks/endpoints",
        json={"url": url, "events": EVENTS},
        headers={"Authorization": f"Bearer {trial.service.token()}"},
        trust_env=False,
    )
    return str(answer.raise_for_status().json()["secret"])


def measure_healthy(trial: Trial, receiver: Receiver, jobs: int) -> None:
    """The delay from an event to its receipt, without chaos."""
    crowd = trial.submit(trial.orders(jobs, lambda _: 3, "-healthy"), per_second=HEALTHY_PER_SECOND)
    crowd.join(120)
    trial.wait_for_the_end(30)
    deliver_the_rest(trial)
    delays = sorted(read_post(trial, receiver).delays_ms())
    middle, late = median(delays), delays[int(0.99 * len(delays))]
    trial.notes.append(
        f"healthy: {len(delays)} events arrived, p50 {middle:.0f} ms, p99 {late:.0f} ms after "
        "they happened"
    )
    if middle > PROMPT_MS and jobs == HEALTHY_JOBS:  # a smaller run is no measurement
        trial.broken.append(f"half of the events took over {middle:.0f} ms to arrive")


def torment(trial: Trial, receiver: Receiver, jobs: int, random: Random) -> None:
    """Submit, kill senders all the time, and take the receiver away half-way."""
    crowd = trial.submit(trial.orders(jobs, lambda n: 1 + n % 3), clients=6)
    away_seconds, away_until, kills = jobs / JOBS_PER_SECOND_AWAY, 0.0, 0
    while crowd.busy() or away_until == 0 or time.monotonic() < away_until:
        time.sleep(random.uniform(1, 3))
        name = random.choice(SENDERS)
        wait_until(partial(is_up, trial, name), 60, f"{name} to send")
        trial.service.kill_worker(name)
        trial.service.start_worker(name, "webhooks")
        kills += 1
        if away_until == 0 and (len(crowd.acceptances) > jobs // 2 or not crowd.busy()):
            receiver.sink.stop()
            away_until = time.monotonic() + away_seconds
        elif 0 < away_until < time.monotonic():
            receiver.sink.start()
            away_until = -1.0
    if away_until > 0:
        receiver.sink.start()
    trial.notes.append(
        f"senders were killed {kills} times; the receiver was away for {away_seconds:.0f} s"
    )


def is_up(trial: Trial, name: str) -> bool:
    """Whether a sender has said that it is there: to kill it sooner would be no test."""
    redis, pid = trial.service.redis, str(trial.service.workers[name].pid)
    names = redis.zrange(keys.WORKERS, 0, -1)
    return any(redis.hget(keys.worker(str(one)), "pid") == pid for one in names)


def deliver_the_rest(trial: Trial) -> None:
    """Wait until no delivery is unfinished."""
    wait_until(lambda: trial.service.redis.zcard(keys.HOOKS) == 0, 400, "the last delivery")


def judge(trial: Trial, receiver: Receiver) -> None:
    """Compare what the receiver noted with the ledger and the jobs."""
    post = read_post(trial, receiver)
    jobs = [trial.read(acceptance.job_id) for acceptance in trial.acceptances]
    ended = [job.id for job in jobs if job is not None and job.status.terminal]
    trial.broken += broken_promises(post, ended)
    tries = [attempt for attempts in post.tries.values() for attempt in attempts]
    interrupted = sum("worker died" in attempt.error for attempt in tries)
    cancelled = sum(delivery.status == "cancelled" for delivery in post.deliveries.values())
    trial.notes.append(
        f"{len(post.deliveries)} events, {len(tries)} attempts, {len(receiver.sink.arrived)} "
        f"requests; {interrupted} attempts died with their worker; {post.repeated()} events came "
        f"again after their answer was lost; {cancelled} starts were overtaken by their job's end"
    )


def read_post(trial: Trial, receiver: Receiver) -> Post:
    """Every delivery with its attempts."""
    deliveries = {delivery.event_id: delivery for delivery in _deliveries(trial)}
    pipe = trial.service.redis.pipeline(transaction=False)
    for delivery in deliveries.values():
        pipe.lrange(keys.delivery_tries(delivery.id), 0, -1)
    tries = [[Try.from_json(str(text)) for text in texts] for texts in pipe.execute()]
    attempts = dict(zip(deliveries, tries, strict=True))
    return Post(deliveries, attempts, list(receiver.sink.receipts), receiver.unsigned)


def _deliveries(trial: Trial) -> Iterator[Delivery]:
    redis = trial.service.redis
    for key in redis.scan_iter("hook:whd_*", count=1000):
        if not str(key).endswith(":tries"):
            raw = redis.hgetall(str(key))
            yield Delivery.from_hash({str(name): str(value) for name, value in raw.items()})

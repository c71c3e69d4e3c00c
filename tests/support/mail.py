"""A store, webhook workers and a receiver; what an inference worker would do is done by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from common import keys
from common.vault import KEY_FILE, Vault
from common.webhooks import Delivery
from tests.support.desk import Desk
from tests.support.post_office import PostOffice
from tests.support.processes import Process
from tests.support.sink import Sink
from tests.support.stack import Stack
from tests.support.waiting import wait_until
from tests.support.workers import Witness

SETTINGS = {
    "BEAT_SECONDS": "0.2",
    "SWEEP_SECONDS": "0.2",
    "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    "WEBHOOK_RETRY_SCHEDULE": "0,0.1,0.1",
    "WEBHOOK_TIMEOUT_SECONDS": "2",
}


class Mail:
    """The post office's side is ``office``; receivers are told of jobs that it completes."""

    def __init__(self, directory: Path, **settings: str) -> None:
        self.stack = Stack(directory, ENGINE="echo", **{**SETTINGS, **settings})
        self.sink = Sink()
        self.redis: Redis
        self.office: PostOffice

    def start_worker(self, name: str = "webhooks") -> Process:
        """Start a webhook worker and wait until it says that it is there."""
        process = self.stack.start_webhooks(name)
        Witness(self.redis).wait_for(process, state="ready")
        return process

    def vault(self) -> Vault:
        """What the workers seal with."""
        return Vault.open((self.stack.directory / KEY_FILE).read_text())

    def secret(self, user: str = "ada") -> str:
        """The user's signing secret."""
        return self.vault().unseal(str(self.redis.hget(keys.user_secret(user), "secret")))

    def tell(self, *events: str, url: str = "", include_result: bool = False) -> Delivery:
        """Complete a job that reports to the sink; its last delivery."""
        job_id = self.office.submit(
            *events, url=url or self.sink.url, include_result=include_result
        )
        self.office.complete(job_id)
        return next(d for d in self.office.of(job_id) if d.event == "job.completed")

    def ended(self, delivery: Delivery, timeout_seconds: float = 60) -> Delivery:
        """The delivery once it has ended."""
        read = self.office.read
        wait_until(lambda: read(delivery.id).status.ended, timeout_seconds, "the delivery's end")
        return read(delivery.id)

    @classmethod
    @contextmanager
    def running(cls, directory: Path, **settings: str) -> Iterator["Mail"]:
        """A started store and receiver, stopped in any case; no worker yet."""
        mail = cls(directory, **settings)
        mail.stack.valkey.start()
        mail.sink.start()
        with Redis.from_url(mail.stack.valkey.url, decode_responses=True) as redis:
            mail.redis, mail.office = redis, PostOffice(Desk(redis))
            try:
                yield mail
            finally:
                mail.sink.stop()
                mail.stack.stop()

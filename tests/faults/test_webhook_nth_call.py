"""A webhook worker's connection breaks, or the worker dies, at the n-th call, for every n."""

import pytest
from redis import ConnectionError as RedisConnectionError
from redis import Redis, RedisError

from common import keys
from common.scripts import Scripts
from common.vault import Vault
from common.webhooks import Delivery, DeliveryStatus
from tests.support.desk import Desk
from tests.support.faulty import Fault, FaultyRedis, Killed
from tests.support.post_office import LANE_LIMIT, PostOffice
from worker.webhooks import ledger as ledger_module
from worker.webhooks.deliver import Deliverer
from worker.webhooks.egress import Answer, Egress
from worker.webhooks.keyring import Keyring
from worker.webhooks.ledger import DeliveryLedger
from worker.webhooks.metrics import WebhookMetrics

VAULT = Vault.open("k" * 32)
MOST_CALLS = 50


class Receiver(Egress):
    """Accepts everything, and counts."""

    def __init__(self) -> None:
        self.accepted = 0

    def post(self, url: str, headers: object, body: bytes) -> Answer:
        self.accepted += 1
        return Answer(200, 0.0, b"")


def worker(redis: Redis, loaded: Scripts, name: str, receiver: Receiver) -> Deliverer:
    scripts = Scripts(redis)
    scripts._shas = loaded._shas  # the server has them: loading is not what is tested
    ledger = DeliveryLedger(
        scripts, name, timeout_seconds=1, lane_limit=LANE_LIMIT, patience_seconds=100
    )
    keyring = Keyring(redis, VAULT)
    return Deliverer(ledger, keyring, VAULT.signing_key, receiver, WebhookMetrics(), (0, 0, 0))


def deliver(office: PostOffice, redis: FaultyRedis, fault: Fault) -> tuple[Delivery, Receiver]:
    """Have one event delivered by workers, the connection of which fails once."""
    office.redis.flushall()
    job_id = office.submit()
    office.complete(job_id)
    delivery_id, receiver = office.of(job_id)[0].id, Receiver()
    redis.fault = fault
    for life in range(MOST_CALLS):
        try:
            worker(redis, office.scripts, f"worker-{life}", receiver).run(delivery_id)
        except (Killed, RedisError):
            redis.connection_pool.disconnect()
        if office.read(delivery_id).status.ended:
            break
        office.sweep(f"worker-{life}")  # maintenance sees that it is gone
    return office.read(delivery_id), receiver


@pytest.mark.parametrize("after", [False, True], ids=["before the server", "after the server"])
@pytest.mark.parametrize("error", [RedisConnectionError, Killed], ids=["broken", "killed"])
def test_whichever_call_fails_the_event_is_delivered_and_its_end_written_once(
    redis_client: Redis,
    redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    after: bool,
) -> None:
    # Given a client without retries, whose n-th call fails
    monkeypatch.setattr(ledger_module, "_PAUSE_SECONDS", 0)
    office = PostOffice(Desk(redis_client))
    with FaultyRedis.from_url(redis_url, decode_responses=True, retry=None) as redis:
        for n in range(1, MOST_CALLS):
            fault = Fault(n, error, after=after)
            # When an event is delivered
            delivery, receiver = deliver(office, redis, fault)
            # Then it arrives, and its end is written
            assert delivery.status is DeliveryStatus.SUCCEEDED, n
            assert office.redis.zcard(keys.HOOKS) == 0, n
            # And it arrives again only where an answer was lost
            attempts = office.tries(delivery.id)
            lost = sum(attempt.status_code is None for attempt in attempts)
            assert 1 <= receiver.accepted <= 1 + lost, n
            # And a broken connection alone loses no answer
            if error is RedisConnectionError and receiver.accepted:
                assert sum(attempt.status_code == 200 for attempt in attempts) == 1, n
            if not fault.happened:
                break
    # And every call was failed once
    assert not fault.happened
    assert n > 4

"""The Celery side of deliveries: one task, and its states as Flower shows them."""

from collections.abc import Callable
from typing import Any

import structlog
from celery import Celery, Task
from celery.exceptions import Ignore, Retry
from celery.worker.control import Panel, control_command, ok
from redis.exceptions import RedisError

from common.webhooks import DeliveryStatus
from worker.webhooks.deliver import Report

log = structlog.get_logger()

#: The task's name; the outbox writes it into every doorbell.
TASK_NAME = "deliver"


class DeliveryFailed(Exception):
    """Shown by Flower as FAILURE; the attempts stand in the delivery's list."""


def register_deliver(app: Celery, run: Callable[[str], Report]) -> None:
    """Give ``app`` the task that answers a doorbell; its id is the delivery's."""

    @app.task(name=TASK_NAME, bind=True, ignore_result=True, throws=(DeliveryFailed,))
    def deliver(self: Task) -> str:
        with structlog.contextvars.bound_contextvars(delivery_id=self.request.id):
            report = _answer(run, self.request.id)
        if report.status is DeliveryStatus.SUCCEEDED:
            return report.status.value
        if report.status is DeliveryStatus.PENDING:
            raise Retry(report.why, DeliveryFailed(report.why), report.delay_seconds)
        if report.status is DeliveryStatus.FAILED:
            raise DeliveryFailed(report.why)
        raise Ignore


def _answer(run: Callable[[str], Report], delivery_id: str) -> Report:
    try:
        return run(delivery_id)
    except RedisError as error:
        log.warning("redis is away; maintenance will ring again", error=str(error))
        return Report(None, str(error))


def refuse_revoke() -> None:
    """Make a revoke (Flower's button) do nothing here.

    Celery's own would make this worker deaf to later attempts at the delivery for three hours.
    """
    Panel.data.pop("revoke", None)

    @control_command(name="revoke", variadic="task_id", signature="[id1 [id2 [... [idN]]]]")
    def revoke(_state: Any, task_id: Any, **_: Any) -> Any:
        return ok(f"not revoked: disable its endpoint to stop {task_id}")

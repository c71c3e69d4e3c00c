"""The Celery application, and the doorbells that go through it.

A message carries only a job id: it tells a worker to look, and may be lost or doubled
without harm. The gateway writes it inside the submit script, so it is rendered here
exactly as Celery's own publisher would send it.
"""

import base64
import json
import uuid
from collections.abc import Sequence
from typing import Any

from celery import Celery
from kombu import Connection, Producer, Queue

from common.queues import Priority

#: The Celery task that runs a job; its only argument is the job id.
TASK_NAME = "generate"

#: What an inference worker consumes.
JOB_QUEUES = tuple(priority.queue for priority in Priority)

_JOB_ID = "@JOB_ID@"
_BODY = "@BODY@"
_DELIVERY_TAG = "@DELIVERY_TAG@"


def create_celery(redis_url: str, queues: Sequence[str] = JOB_QUEUES) -> Celery:
    """Build the Celery app: early ack, one message a free slot, no result backend.

    Its worker consumes ``queues``.
    """
    app = Celery("caravan", broker=redis_url, set_as_current=False)
    app.conf.update(
        accept_content=["json"],
        broker_connection_max_retries=None,
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "queue_order_strategy": "common.queues.PriorityCycle",
            "priority_steps": [0],
            "visibility_timeout": 60,
            "unacked_restore_interval": 5,
            "unacked_restore_throttle": 1,
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "global_keyprefix": "",
        },
        task_acks_late=False,
        task_default_queue=Priority.NORMAL.queue if queues is JOB_QUEUES else queues[0],
        task_ignore_result=True,
        task_queues=[Queue(name, routing_key=name) for name in queues],
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_disable_prefetch=True,
        worker_hijack_root_logger=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=True,
    )
    return app


class Doorbells:
    """Renders the message that rings for a job."""

    def __init__(self, app: Celery) -> None:
        self._templates = {p: _template(_publish_in_process(app, p.queue)) for p in Priority}

    def render(self, job_id: str, priority: Priority) -> str:
        """The bytes that Celery would LPUSH for ``generate(job_id)``.

        ``job_id`` is of letters, digits, ``_`` and ``-``: it needs no escaping.
        """
        envelope, arguments = self._templates[priority]
        body = base64.b64encode(arguments.replace(_JOB_ID, job_id).encode()).decode()
        return (
            envelope.replace(_JOB_ID, job_id)
            .replace(_BODY, body)
            .replace(_DELIVERY_TAG, str(uuid.uuid4()))
        )


def _template(message: dict[str, Any]) -> tuple[str, str]:
    """Split a message into its envelope and its decoded body, with placeholders."""
    arguments = base64.b64decode(message["body"]).decode()
    message["body"] = _BODY
    message["properties"]["delivery_tag"] = _DELIVERY_TAG
    return json.dumps(message), arguments


def _publish_in_process(app: Celery, queue: str) -> dict[str, Any]:
    """Let Celery publish to a broker in memory, and take the message from there."""
    with Connection("memory://") as connection:
        channel = connection.channel()
        channel.queue_declare(queue)
        app.send_task(
            TASK_NAME,
            args=[_JOB_ID],
            task_id=_JOB_ID,
            queue=queue,
            producer=Producer(channel, auto_declare=False),
            retry=False,
            ignore_result=True,
        )
        message: dict[str, Any] = channel.basic_get(queue, no_ack=True).serializable()
        return message

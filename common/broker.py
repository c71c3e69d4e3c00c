"""The Celery application that workers consume with.

Its messages are doorbells: each carries only an id, tells a worker to look, and may be lost
or doubled without harm. Scripts write them (common/lua/shared/bell.lua), exactly as Celery's
own publisher would.
"""

from collections.abc import Sequence

from celery import Celery
from kombu import Queue

from common.queues import Priority

#: The Celery task that runs a job; its only argument is the job id.
TASK_NAME = "generate"

#: What an inference worker consumes.
JOB_QUEUES = tuple(priority.queue for priority in Priority)


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
            # Kombu's own record of who holds which message would cost a job two round trips,
            # to save bells that maintenance rings again anyhow.
            "ack_emulation": False,
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

"""Celery's own worker, run inside one of our processes."""

from celery import Celery, signals

from worker.pool import PoolHooks, pool_class
from worker.strict import StrictConsumer


def run_celery(app: Celery, name: str, hooks: PoolHooks, concurrency: int) -> int:
    """Consume until SIGTERM and drain; return the exit status. ``name`` is ``role@id``."""
    signals.setup_logging.connect(lambda **_: None, weak=False)
    worker = app.Worker(
        hostname=name,
        pool_cls=pool_class(hooks),
        consumer_cls=StrictConsumer,
        concurrency=concurrency,
        task_events=True,
        without_gossip=True,
        without_mingle=True,
        quiet=True,
    )
    worker.start()
    return int(worker.exitcode or 0)

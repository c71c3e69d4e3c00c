"""``python -m benchmarks.way.celery_worker``: a stock worker with three children."""

from benchmarks.way.work import create_celery

if __name__ == "__main__":
    create_celery().worker_main(["worker", "--concurrency=3", "--loglevel=WARNING"])

"""``python -m benchmarks.way.celery_worker stock | careful``: a worker with three children."""

import sys

from benchmarks.way.work import create_careful_celery, create_celery

if __name__ == "__main__":
    create = {"stock": create_celery, "careful": create_careful_celery}[sys.argv[1]]
    create().worker_main(["worker", "--concurrency=3", "--loglevel=WARNING"])

"""``python -m benchmarks.chaos.stock_worker URL VISIBILITY_TIMEOUT``: one prefork worker."""

import sys

from redis import Redis

from benchmarks.chaos.stock import create_app, register

if __name__ == "__main__":
    url, visibility_timeout = sys.argv[1:]
    app = create_app(url, int(visibility_timeout))
    register(app, Redis.from_url(url))
    app.worker_main(["worker", "--concurrency=3", "--loglevel=WARNING"])

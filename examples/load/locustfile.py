r"""Load with locust: users who ask, wait, and now and then cancel.

    pip install locust
    CARAVAN_TOKEN=$(caravan token) locust -f examples/load/locustfile.py \
        --host http://localhost:8000 --headless --users 20 --spawn-rate 5 --run-time 30s

A 429 and a 503 are the service's honest answers under load: they are counted apart, not as
failures, and the user waits for as long as Retry-After says.
"""

import os

import gevent
from locust import HttpUser, between, task

REFUSED = (429, 503)


class Analyst(HttpUser):
    """Asks, and reads the answer."""

    wait_time = between(0.1, 0.5)

    def on_start(self) -> None:
        self.client.headers["Authorization"] = f"Bearer {os.environ['CARAVAN_TOKEN']}"

    @task(9)
    def ask(self) -> None:
        """The answer in the same request."""
        body = {"prompt": "The future of AI is", "max_tokens": 30}
        self.submit("/generate [wait]", body, {"Prefer": "wait=60"})

    @task(1)
    def change_my_mind(self) -> None:
        """Submit and cancel; 409 means that it was quicker."""
        job = self.submit("/generate", {"prompt": "Count to a million", "max_tokens": 500}, {})
        if job:
            path = job["urls"]["cancel"]
            with self.client.delete(path, name="/jobs/{id}", catch_response=True) as answer:
                if answer.status_code in (200, 409):
                    answer.success()

    def submit(self, name: str, body: dict, headers: dict) -> dict | None:
        """The job; None if it was refused."""
        with self.client.post(
            "/generate", json=body, headers=headers, name=name, catch_response=True
        ) as answer:
            if answer.status_code in REFUSED:
                answer.request_meta["name"] = f"{name} refused: {answer.status_code}"
                answer.success()
                gevent.sleep(float(answer.headers.get("Retry-After", 1)))
                return None
            return answer.json() if answer.ok else None

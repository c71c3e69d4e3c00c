"""A receiver of webhooks: checks every signature, and does its work once for each event.

    pip install standardwebhooks
    WEBHOOK_SECRET=whsec_... python examples/webhook_receiver.py --port 9000

WEBHOOK_SECRET is what GET /webhooks/secret answers, or the secret of a registered endpoint.
Events are delivered at least once: one that comes twice carries the same ``webhook-id``, and
the ids of those that were handled are kept in a file, so that not even a restart forgets them.
"""

import argparse
import os
import sqlite3
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock

from standardwebhooks import Webhook, WebhookVerificationError

LARGEST_BODY_BYTES = 1_000_000


class Inbox:
    """Handles each event once."""

    def __init__(self, path: str) -> None:
        self._lock = Lock()
        self._handled = sqlite3.connect(path, check_same_thread=False)
        self._handled.execute("CREATE TABLE IF NOT EXISTS handled (id TEXT PRIMARY KEY)")

    def take(self, event_id: str, event: dict) -> bool:
        """Handle an event, unless that was done before; returns whether it was new.

        Both happen in one transaction: an event whose handling fails will come again.
        """
        with self._lock, self._handled:
            new = "INSERT OR IGNORE INTO handled VALUES (?)"
            if self._handled.execute(new, [event_id]).rowcount == 0:
                return False
            handle(event)
            return True


def handle(event: dict) -> None:
    """Your own work. Be quick: a receiver that takes over 15 seconds is asked again."""
    print(event["type"], event["data"]["id"], flush=True)


class Receiver(BaseHTTPRequestHandler):
    """Answers POST; any 2xx ends the delivery, everything else is tried again for days."""

    inbox: Inbox
    webhook: Webhook

    def do_POST(self) -> None:
        """Check first, then believe."""
        length = int(self.headers.get("content-length") or 0)
        if length > LARGEST_BODY_BYTES:
            self.answer(413, "too large")
            return
        body = self.rfile.read(length)  # as it came: parsed and printed again it would not verify
        try:
            event = self.webhook.verify(body, dict(self.headers))
        except (WebhookVerificationError, ValueError):
            self.answer(400, "not signed by anybody I know")
            return
        new = self.inbox.take(self.headers["webhook-id"], event)
        self.answer(200, "handled" if new else "handled before")

    def answer(self, status: int, text: str) -> None:
        """The sender keeps the first bytes of it in its ledger."""
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args: object) -> None:
        """Say nothing: ``handle`` does."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=9000)
    parser.add_argument("--handled", default="handled.sqlite", help="where the ids are kept")
    options = parser.parse_args()
    Receiver.webhook = Webhook(os.environ["WEBHOOK_SECRET"])
    Receiver.inbox = Inbox(options.handled)
    ThreadingHTTPServer(("127.0.0.1", options.port), Receiver).serve_forever()


if __name__ == "__main__":
    main()

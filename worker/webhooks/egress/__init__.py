"""The only way out: requests to URLs that strangers wrote."""

from worker.webhooks.egress.answer import Answer
from worker.webhooks.egress.errors import Refused, SendError
from worker.webhooks.egress.post import Egress

__all__ = ["Answer", "Egress", "Refused", "SendError"]

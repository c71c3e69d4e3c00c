"""What may be wrong with a request about webhooks; part of the tree in api/problems.py."""

from api.problems import Problem


class EndpointNotFound(Problem):
    status, code, title = 404, "endpoint-not-found", "No such webhook endpoint"


class DeliveryNotFound(Problem):
    status, code, title = 404, "delivery-not-found", "No such delivery"


class EndpointDisabled(Problem):
    status, code, title = 409, "endpoint-disabled", "The endpoint is disabled or deleted"


class DeliveryUnfinished(Problem):
    status, code, title = 409, "delivery-unfinished", "The delivery is still on its way"


class TooManyEndpoints(Problem):
    status, code, title = 409, "too-many-endpoints", "Too many webhook endpoints"


class SecretUnreadable(Problem):
    status, code, title = 409, "secret-unreadable", "The secret cannot be read any more"

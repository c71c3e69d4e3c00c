"""What may be wrong with a request about a batch; part of the tree in api/problems.py."""

from api.problems import Problem


class BatchNotFound(Problem):
    status, code, title = 404, "batch-not-found", "No such batch"


class BatchEnded(Problem):
    status, code, title = 409, "batch-ended", "The batch has already ended"


class TooManyBatches(Problem):
    status, code, title = 429, "too-many-batches", "Too many unfinished batches"
    kind = "rate_limit_error"

"""Every Redis key, channel and time to live, on one page.

KEDA, Flower and operators read these names. Scores of the sorted sets are milliseconds
of the Redis server's clock.
"""

#: Waiting jobs are in ``Priority.waiting``, doorbells in ``Priority.queue``.

#: Sorted set, job id -> end of its lease: the running jobs.
LEASES = "leases"
#: Sorted set, job id -> when it must have ended or started, whatever its lease.
DEADLINES = "deadlines"
#: Sorted set, job id -> when it was given up: the dead letters.
DEAD = "dead"
#: Sorted set, worker id -> last beat.
WORKERS = "workers"
#: String, ms: when rescue last ran; a gap means that Redis or maintenance was away.
TICK = "tick"
#: String: the worker that is reloading its model; the others wait for their turn.
RELOAD_TURN = "reload:turn"
#: Hash: the measured pace of the service, from which ETAs are made.
PACE = "pace"
#: Hash, "{kind}|{priority}|{status}" -> jobs that ended so.
TOTALS = "totals"

#: Channel: every chunk of text and every change of state, for the gateways.
EVENTS_CHANNEL = "events"
#: Channel: "void {token}" or "release {token}", for the worker that holds the lease.
ORDERS_CHANNEL = "orders"
#: Channel: commands of an administrator to every inference worker (common/commands.py).
COMMANDS_CHANNEL = "commands"

#: How long a tombstone answers 410 after its record is gone.
TOMBSTONE_SECONDS = 7 * 24 * 3600
#: How long an Idempotency-Key answers again, or as long as its job lives.
IDEMPOTENCY_SECONDS = 24 * 3600


def job(job_id: str) -> str:
    """Hash: the record, the truth about a job."""
    return f"job:{job_id}"


def events(job_id: str) -> str:
    """Stream: the chunks of a running job, each under the number of tokens after it."""
    return f"ev:{job_id}"


def tombstone(job_id: str) -> str:
    """String: the owner of a job whose record has expired."""
    return f"gone:{job_id}"


def user_jobs(user: str) -> str:
    """Sorted set, job id -> created: the jobs of a user, newest last."""
    return f"jobs:{user}"


def user_active(user: str) -> str:
    """Set: the unfinished jobs of a user."""
    return f"active:{user}"


def rate(user: str) -> str:
    """Sorted set: the requests of a user in the last minute."""
    return f"rate:{user}"


def idempotency(digest: str) -> str:
    """Hash: the job and body that a user's Idempotency-Key stands for."""
    return f"idem:{digest}"


def worker(worker_id: str) -> str:
    """Hash: what a worker says of itself; gone a while after its last beat."""
    return f"worker:{worker_id}"


def user(name: str) -> str:
    """Hash: an account and its password hash."""
    return f"user:{name}"


def revoked(name: str) -> str:
    """String: access tokens of this user issued before this second are void."""
    return f"revoked:{name}"

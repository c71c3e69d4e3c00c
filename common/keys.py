"""Every Redis key, channel and time to live, on one page.

KEDA, Flower and operators read these names. Scores of the sorted sets are milliseconds
of the Redis server's clock. Those of sessions, API keys and usage are in account_keys.py.
"""

#: Waiting jobs are in ``Priority.waiting``, doorbells in ``Priority.queue``, turns in ``fair``.

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
#: String, JSON: the last reload of all workers (common/reloads.py).
RELOAD_WANTED = "reload:wanted"
#: String, JSON: the last reload, of all workers or some.
RELOAD_LAST = "reload:last"
#: Hash: the measured pace of the service, from which ETAs are made.
PACE = "pace"
#: Hash, "{kind}|{priority}|{status}" -> jobs that ended so.
TOTALS = "totals"
#: Hash: counters and histograms of the whole service (common/lua/shared/meters.lua).
METERS = "meters"

#: Sorted set, delivery id -> when somebody must look at it next: the unfinished deliveries.
HOOKS = "hooks"
#: Sorted set, lane -> when it may send again: endpoints that hold deliveries back.
LANES = "lanes"

#: Sorted set, job id -> when to look whether its client still waits: see abandon.lua.
WAITED = "waited"

#: Channel: every chunk of text and every change of state, for the gateways.
EVENTS_CHANNEL = "events"
#: Channel: "void {token}" or "release {token}", for the worker that holds the lease.
ORDERS_CHANNEL = "orders"
#: Channel: commands of an administrator to every inference worker (common/commands.py).
COMMANDS_CHANNEL = "commands"

#: Sorted set, "{batch}_{line}" -> when its batch was accepted: the lines that are no jobs yet,
#: so that ZCARD, which KEDA reads, is their number and the lowest score their age.
BATCH_BACKLOG = "batch:backlog"
#: Sorted set, batch id -> when it was accepted: those that have not ended.
BATCHES = "batches"
#: String: the gateway that feeds the batches, gone a while after it stopped.
BATCH_FEEDER = "batch:feeder"
#: Sorted set, file id -> when it expires.
FILES_EXPIRY = "files:expiry"


#: How long it is known how a reload went.
RELOAD_SECONDS = 30 * 24 * 3600
#: How long a tombstone answers 410 after its record is gone.
TOMBSTONE_SECONDS = 7 * 24 * 3600
#: How long the job of a cut call goes on for the retry that its client may be about to make:
#: the OpenAI SDK's first two come within 1.5 s.
RETRY_SECONDS = 3
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


def user_jobs_of(user: str, phase: str, priority: str, kind: str) -> str:
    """Sorted set, as above: those of one kind and priority; ``phase`` is active or a status."""
    return f"jobs:{user}:{phase}:{priority}:{kind}"


def user_active(user: str) -> str:
    """Set: the unfinished jobs of a user."""
    return f"active:{user}"


def fair(priority: str) -> str:
    """Sorted set, user -> tokens had: those with jobs in their row (docs/fairness.md)."""
    return f"fair:{priority}"


def row(priority: str, user: str) -> str:
    """Sorted set, job id -> enqueued ms: jobs of a user that nobody has rung for yet."""
    return f"fair:{priority}:of:{user}"


def bells(priority: str) -> str:
    """Sorted set, waiting job id -> when to look whether its bell was answered."""
    return f"fair:{priority}:bells"


def debt(priority: str) -> str:
    """Sorted set, user -> tokens had: those without a row who have had more than the level."""
    return f"fair:{priority}:debt"


def level(priority: str) -> str:
    """String: what the user of the job that started last had had before it, in tokens."""
    return f"fair:{priority}:level"


def cursor(priority: str) -> str:
    """String: how far maintenance is with looking for waiting jobs in no row."""
    return f"fair:{priority}:cursor"


def streams(user: str) -> str:
    """Hash, gateway -> event streams that it holds open for this user."""
    return f"streams:{user}"


def spent_tokens(user: str) -> str:
    """Hash, second since 1970 -> tokens of the jobs that the user submitted in it."""
    return f"tokens:{user}"


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


def delivery(delivery_id: str) -> str:
    """Hash: one webhook event on its way to one receiver."""
    return f"hook:{delivery_id}"


def delivery_tries(delivery_id: str) -> str:
    """List of JSON: the attempts at a delivery, oldest first."""
    return f"hook:{delivery_id}:tries"


def user_deliveries(user: str) -> str:
    """Sorted set, delivery id -> created: the deliveries of a user."""
    return f"hooks:user:{user}"


def subject_deliveries(subject: str) -> str:
    """Sorted set, delivery id -> created: the deliveries that tell of one job or batch."""
    return f"hooks:of:{subject}"


def endpoint_deliveries(endpoint_id: str) -> str:
    """Sorted set, delivery id -> created: the deliveries to one endpoint."""
    return f"hooks:to:{endpoint_id}"


def endpoint(endpoint_id: str) -> str:
    """Hash: a registered endpoint, its filter and its sealed secret."""
    return f"endpoint:{endpoint_id}"


def user_endpoints(user: str) -> str:
    """Sorted set, endpoint id -> created: the endpoints of a user, enabled or not."""
    return f"endpoints:{user}"


def user_secret(user: str) -> str:
    """Hash: the sealed secret that signs what goes to the URLs of a user's jobs."""
    return f"whsec:{user}"


def batch(batch_id: str) -> str:
    """Hash: a batch, with ``fed`` and ``offset`` (bytes) as the cursor of what is in the queue."""
    return f"batch:{batch_id}"


def batch_ended(batch_id: str) -> str:
    """List: lines that have ended and do not stand in the output file yet, in its order.

    A number is the line of a job; JSON ``[line, custom_id, code]`` is one that never was one.
    """
    return f"batch:{batch_id}:ended"


def batch_open(batch_id: str) -> str:
    """Set: the lines of a batch that wait or run, as job ids."""
    return f"batch:{batch_id}:open"


def user_batches(user: str) -> str:
    """Sorted set, batch id -> accepted: the batches of a user, newest last."""
    return f"batches:{user}"


def file(file_id: str) -> str:
    """Hash: what is known of a stored file; its content is elsewhere."""
    return f"file:{file_id}"


def user_files(user: str) -> str:
    """Sorted set, file id -> created: the files of a user, newest last."""
    return f"files:{user}"


def calls(digest: str) -> str:
    """Sorted set, job id -> created: the jobs of equal calls that a retry may come for."""
    return f"calls:{digest}"


def gateway(instance: str) -> str:
    """String: there while this gateway lives."""
    return f"gateway:{instance}"


def reload_steps(reload_id: str) -> str:
    """Hash, worker id -> how far it is with a reload."""
    return f"reload:{reload_id}"

"""The parts of a running gateway: built once by the composition root, passed down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import Request
from redis.asyncio import Redis

from api.auth import Tokens
from api.batches.feeding import LineMaker
from api.batches.wiring import Batching, build_batching
from api.cluster import Cluster
from api.counting import ModelFiles, PromptCounter
from api.dead import DeadLetters
from api.explain.fence import Fence
from api.guard.screen import Screen
from api.identity.accounts import Accounts
from api.identity.api_keys import ApiKeys
from api.identity.bearer import Bearers
from api.identity.logins import Logins
from api.identity.passwords import Passwords
from api.identity.sessions import Sessions
from api.identity.users import Users
from api.identity.vigil import Vigil
from api.jobs import Jobs
from api.keyring import Keyring
from api.listing import Listing
from api.metrics import Metrics
from api.presence import Presence
from api.pulse import PulseReader
from api.reloads import Reloads
from api.seats import Seats
from api.served import Serving
from api.settings import ApiSettings
from api.store import connect
from api.stream_tokens import StreamTokens
from api.usage import UsageBook
from api.v1.models import Models
from api.watch import Watcher
from api.webhooks.webhooks import Webhooks
from common.scripts import AsyncScripts
from common.tracing import Tracing, open_tracing


@dataclass(frozen=True, slots=True)
class State:
    """Everything that a route may need."""

    settings: ApiSettings
    redis: "Redis"
    feed: "Redis"
    scripts: AsyncScripts
    watcher: Watcher
    jobs: Jobs
    listing: Listing
    dead: DeadLetters
    cluster: Cluster
    pulse: PulseReader
    usage: UsageBook
    counter: PromptCounter
    reloads: Reloads
    bearers: Bearers
    users: Users
    api_keys: ApiKeys
    sessions: Sessions
    logins: Logins
    vigil: Vigil
    stream_tokens: StreamTokens
    token_keys: Sequence[Mapping[str, str]]
    passwords: Passwords
    metrics: Metrics
    tracing: Tracing
    webhooks: Webhooks
    batching: Batching
    models: Models
    presence: Presence
    seats: Seats
    fence: Fence

    async def close(self) -> None:
        """Let go of connections and threads."""
        self.passwords.close()
        self.tracing.close()
        await self.redis.aclose()
        await self.feed.aclose()


def build_state(settings: ApiSettings) -> State:
    """Wire the parts; connects to nothing yet."""
    redis, feed = _connections(settings)
    metrics, tracing = Metrics(settings.state_dir), open_tracing(settings, "gateway")
    scripts = AsyncScripts(redis, metrics.process.calls.timed)
    watcher = Watcher(feed)
    metrics.watch(watcher.long_polls)
    cluster = Cluster(redis)
    serving = Serving(cluster)
    files = ModelFiles(settings.engine, settings.model, settings.state_dir, settings.n_ctx)
    counter = PromptCounter(files, serving)
    fence = Fence(settings.fence_secret())
    screen = Screen.load(redis, settings.guard_policies, metrics.prompt_guard)
    jobs = Jobs(redis, scripts, watcher, settings, serving, screen, tracing)
    maker = LineMaker(counter, jobs.check, settings, fence)
    identity = _identity(redis, scripts, settings)
    presence = Presence(redis)
    return State(
        settings=settings,
        redis=redis,
        feed=feed,
        scripts=scripts,
        watcher=watcher,
        jobs=jobs,
        listing=Listing(scripts, jobs),
        dead=DeadLetters(redis, scripts, screen, settings),
        cluster=cluster,
        pulse=PulseReader(redis),
        usage=UsageBook(redis),
        counter=counter,
        reloads=Reloads(redis, cluster, settings),
        bearers=identity.bearers,
        vigil=Vigil(identity.bearers),
        users=identity.users,
        api_keys=ApiKeys(redis),
        sessions=identity.sessions,
        logins=identity.logins,
        stream_tokens=StreamTokens(identity.keyring),
        token_keys=identity.keyring.public_keys(),
        passwords=identity.passwords,
        metrics=metrics,
        tracing=tracing,
        webhooks=Webhooks.build(redis, scripts, settings),
        batching=build_batching(redis, scripts, watcher, maker, settings),
        models=Models(serving, files),
        presence=presence,
        seats=Seats(scripts, presence.instance, settings.max_streams_per_user),
        fence=fence,
    )


def _connections(settings: ApiSettings) -> tuple["Redis", "Redis"]:
    # The reader must hear of every dropped connection, so its client never reconnects itself.
    feed = connect(settings.redis_url, retries=0, connections=2)
    return connect(settings.redis_url), feed


@dataclass(frozen=True, slots=True)
class _Identity:
    """Who people are, and how they show it."""

    passwords: Passwords
    keyring: Keyring
    bearers: Bearers
    sessions: Sessions
    users: Users
    logins: Logins


def _identity(redis: "Redis", scripts: AsyncScripts, settings: ApiSettings) -> _Identity:
    passwords, keyring, admin = Passwords(), settings.keyring(), settings.admin_username
    tokens = Tokens(keyring, settings.access_token_seconds)
    sessions = Sessions(scripts, settings.refresh_token_seconds)
    users = Users(redis, scripts, admin)
    accounts = Accounts(redis, passwords, admin, settings.admin_password.get_secret_value())
    return _Identity(
        passwords=passwords,
        keyring=keyring,
        bearers=Bearers(scripts, tokens, admin),
        sessions=sessions,
        users=users,
        logins=Logins(scripts, accounts, users, sessions, tokens),
    )


def state_of(request: Request) -> State:
    """The state of the app that answers this request."""
    state: State = request.app.state.caravan
    return state

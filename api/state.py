"""The parts of a running gateway: built once by the composition root, passed down."""

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
from api.jobs import Jobs
from api.listing import Listing
from api.metrics import Metrics
from api.presence import Presence
from api.pulse import PulseReader
from api.reloads import Reloads
from api.served import Serving
from api.settings import ApiSettings
from api.store import connect
from api.stream_tokens import StreamTokens
from api.usage import UsageBook
from api.v1.models import Models
from api.watch import Watcher
from api.webhooks.webhooks import Webhooks
from common.broker import Doorbells, create_celery
from common.scripts import AsyncScripts


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
    stream_tokens: StreamTokens
    passwords: Passwords
    metrics: Metrics
    webhooks: Webhooks
    batching: Batching
    models: Models
    presence: Presence
    fence: Fence

    async def close(self) -> None:
        """Let go of connections and threads."""
        self.passwords.close()
        await self.redis.aclose()
        await self.feed.aclose()


def build_state(settings: ApiSettings, jwt_secret: str) -> State:
    """Wire the parts; connects to nothing yet."""
    redis = connect(settings.redis_url)
    # The reader must hear of every dropped connection, so its client never reconnects itself.
    feed = connect(settings.redis_url, retries=0, connections=2)
    scripts = AsyncScripts(redis)
    watcher = Watcher(feed)
    doorbells = Doorbells(create_celery(settings.redis_url))
    cluster = Cluster(redis)
    serving = Serving(cluster)
    files = ModelFiles(settings.engine, settings.model, settings.state_dir, settings.n_ctx)
    counter = PromptCounter(files, serving)
    metrics, fence = Metrics(), Fence(jwt_secret)
    screen = Screen.load(redis, settings.guard_policies, metrics.prompt_guard)
    jobs = Jobs(redis, scripts, doorbells, watcher, settings, serving, screen)
    maker = LineMaker(counter, jobs.check, doorbells, settings, fence)
    passwords = Passwords()
    tokens = Tokens(jwt_secret, settings.access_token_seconds, settings.previous_secret)
    sessions = Sessions(scripts, settings.refresh_token_seconds)
    users = Users(redis, scripts, settings.admin_username)
    accounts = _accounts(redis, passwords, settings)
    return State(
        settings=settings,
        redis=redis,
        feed=feed,
        scripts=scripts,
        watcher=watcher,
        jobs=jobs,
        listing=Listing(scripts, jobs),
        dead=DeadLetters(redis, scripts, doorbells, settings),
        cluster=cluster,
        pulse=PulseReader(redis),
        usage=UsageBook(redis),
        counter=counter,
        reloads=Reloads(redis, cluster, settings),
        bearers=Bearers(scripts, tokens, settings.admin_username),
        users=users,
        api_keys=ApiKeys(redis),
        sessions=sessions,
        logins=Logins(scripts, accounts, users, sessions, tokens),
        stream_tokens=StreamTokens(jwt_secret),
        passwords=passwords,
        metrics=metrics,
        webhooks=Webhooks.build(redis, scripts, settings),
        batching=build_batching(redis, scripts, watcher, maker, settings),
        models=Models(serving, files),
        presence=Presence(redis),
        fence=fence,
    )


def _accounts(redis: "Redis", passwords: Passwords, settings: ApiSettings) -> Accounts:
    password = settings.admin_password.get_secret_value()
    return Accounts(redis, passwords, settings.admin_username, password)


def state_of(request: Request) -> State:
    """The state of the app that answers this request."""
    state: State = request.app.state.caravan
    return state

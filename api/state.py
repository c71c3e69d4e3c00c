"""The parts of a running gateway: built once by the composition root, passed down."""

from dataclasses import dataclass

from fastapi import Request
from redis.asyncio import Redis

from api.accounts import Accounts, Passwords
from api.auth import Tokens
from api.cluster import Cluster
from api.counting import ModelFiles, PromptCounter
from api.dead import DeadLetters
from api.jobs import Jobs
from api.listing import Listing
from api.metrics import Metrics
from api.settings import ApiSettings
from api.store import connect
from api.watch import Watcher
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
    counter: PromptCounter
    tokens: Tokens
    passwords: Passwords
    accounts: Accounts
    metrics: Metrics

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
    jobs = Jobs(redis, scripts, doorbells, watcher, settings)
    passwords = Passwords()
    return State(
        settings=settings,
        redis=redis,
        feed=feed,
        scripts=scripts,
        watcher=watcher,
        jobs=jobs,
        listing=Listing(redis, jobs),
        dead=DeadLetters(redis, scripts, doorbells, settings),
        cluster=Cluster(redis),
        counter=PromptCounter(
            ModelFiles(settings.engine, settings.model, settings.state_dir, settings.n_ctx)
        ),
        tokens=Tokens(jwt_secret, settings.access_token_seconds),
        passwords=passwords,
        accounts=Accounts(
            redis,
            passwords,
            settings.admin_username,
            settings.admin_password.get_secret_value(),
        ),
        metrics=Metrics(),
    )


def state_of(request: Request) -> State:
    """The state of the app that answers this request."""
    state: State = request.app.state.caravan
    return state

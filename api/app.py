"""The composition root: everything is built here, once, and passed down."""

import asyncio
import contextlib
import logging
import warnings
from collections.abc import AsyncIterator

import structlog
from fastapi import FastAPI
from pydantic.warnings import UnsupportedFieldAttributeWarning

from api import open_files
from api.console import install_console
from api.description import DESCRIPTION, TAGS, operation_id
from api.docs import install_docs
from api.express import Express
from api.handlers import install_handlers
from api.headers import SecurityHeaders
from api.middleware import BodyLimit, RequestContext
from api.openapi import install_openapi
from api.proxies import ForwardedBy
from api.routes import LANES, MODULES, files, metrics
from api.settings import ApiSettings
from api.state import State, build_state
from api.webhooks import events as webhook_events
from common import heap
from common.instruments import service_version
from common.logs import configure_logs
from common.settings import read_settings

log = structlog.get_logger()


def create_app(settings: ApiSettings | None = None) -> FastAPI:
    """The gateway. Without settings it reads the environment and sets up the logs."""
    if settings is None:
        settings = read_settings(ApiSettings)
        configure_logs(settings.log_style, "api")
        _adopt_uvicorn_logs()
    # FastAPI ignores it where it hands over what is made later (api/schemas.py: Shape).
    warnings.simplefilter("ignore", UnsupportedFieldAttributeWarning)
    state = build_state(settings)
    app = FastAPI(
        title="Caravan",
        version=service_version(),
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json" if settings.shows_docs else None,
        openapi_tags=TAGS,
        generate_unique_id_function=operation_id,
        webhooks=webhook_events.router,
        # The spans are ours: FastAPI's own would quote queries, which may carry a token.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.caravan, app.state.tasks = state, []
    install_handlers(app)
    install_openapi(app)
    if settings.shows_docs:
        install_docs(app)
    app.add_middleware(Express, state=state, lanes=LANES)
    app.add_middleware(
        BodyLimit,
        limit=settings.max_body_bytes,
        deepest=settings.max_json_depth,
        exempt=frozenset({files.UPLOAD_PATH}),
    )
    app.add_middleware(RequestContext, metrics=state.metrics, tracing=state.tracing)
    app.add_middleware(SecurityHeaders)
    app.add_middleware(ForwardedBy, proxies=settings.proxy_networks)
    for module in MODULES:
        app.include_router(module.router)
    if settings.prometheus_enabled:
        app.include_router(metrics.router)
    install_console(app, settings)
    return app


@contextlib.asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Listen to Redis while the app runs."""
    state: State = app.state.caravan
    if state.settings.has_default_password:
        log.warning("the default password is in use: set ADMIN_PASSWORD before anybody else can")
    open_files.raise_limit()
    heap.return_large_blocks()
    missing = await state.counter.why_unavailable()
    if missing:
        log.warning("jobs are refused until the model is there", error=missing)
    heap.keep()
    heap.trim()
    tasks = [
        asyncio.create_task(state.watcher.run(), name="events"),
        asyncio.create_task(state.watcher.refresh_places(), name="places"),
        asyncio.create_task(state.batching.feeder.run(), name="batches"),
        asyncio.create_task(state.presence.run(), name="presence"),
        asyncio.create_task(state.vigil.run(), name="vigil"),
    ]
    app.state.tasks = tasks
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await state.close()


def _adopt_uvicorn_logs() -> None:
    """Let uvicorn's records through ours, less its access log: RequestContext writes one."""
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    logging.getLogger("uvicorn.access").disabled = True

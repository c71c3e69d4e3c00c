"""The peers: what a gateway would be if it did less.

``create_noop`` checks a JWT and validates the body of ``POST /generate``; ``create_usual`` then
calls ``apply_async``, as most services in front of Celery do. Both check the token in a plain
function, as most services do: FastAPI runs it in a thread. ``create_leanest`` is the no-op with
no thread.
"""

from typing import Annotated, Any

import jwt
from celery import Celery
from fastapi import Depends, FastAPI, Header, HTTPException
from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings


class PeerSettings(BaseSettings):
    """Read from the environment, as the gateway's are."""

    jwt_secret: str
    redis_url: str


class Body(BaseModel):
    """The fields that the load sends, with the gateway's limits."""

    prompt: str = Field(min_length=1, max_length=100_000)
    max_tokens: int = Field(200, ge=1, le=4096)
    temperature: float = Field(0.1, ge=0, le=2)


def create_noop() -> FastAPI:
    """Answer at once with nothing done."""
    return _noop(user_of(PeerSettings().jwt_secret))


def create_leanest() -> FastAPI:
    """The same with nothing in a thread."""
    user = user_of(PeerSettings().jwt_secret)

    async def user_at_once(authorization: Annotated[str, Header()]) -> str:
        return str(user(authorization))

    return _noop(user_at_once)


def _noop(user: Any) -> FastAPI:
    app = FastAPI()

    @app.post("/generate", status_code=202)
    async def generate(body: Body, sub: Annotated[str, Depends(user)]) -> dict[str, Any]:
        return {"id": "job_none", "status": "queued", "user": sub, "length": len(body.prompt)}

    return app


def create_usual() -> FastAPI:
    """Hand the job to Celery's own publisher."""
    app, settings = FastAPI(), PeerSettings()
    user = user_of(settings.jwt_secret)
    celery = Celery("usual", broker=settings.redis_url, set_as_current=False)
    celery.conf.update(task_ignore_result=True, task_default_queue="usual")

    def run(prompt: str, max_tokens: int) -> None:
        """Never run here: nothing consumes the queue."""

    task = celery.task(run, name="usual")

    @app.post("/generate", status_code=202)
    def generate(body: Body, sub: Annotated[str, Depends(user)]) -> dict[str, Any]:
        sent = task.apply_async((body.prompt, body.max_tokens))
        return {"id": sent.id, "status": "queued", "user": sub}

    return app


def user_of(secret: str) -> Any:
    def user(authorization: Annotated[str, Header()]) -> str:
        try:
            claims = jwt.decode(
                authorization.removeprefix("Bearer "),
                secret,
                algorithms=["HS256"],
                options={"verify_aud": False, "require": ["exp", "sub"]},
            )
        except jwt.InvalidTokenError as error:
            raise HTTPException(401, str(error)) from error
        return str(claims["sub"])

    return user

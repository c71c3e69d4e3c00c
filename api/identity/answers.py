"""Users and keys as clients see them: no hash ever leaves."""

from datetime import UTC, datetime
from typing import Literal, Self

from pydantic import Field

from api.guard.policy import Policy
from api.identity.api_keys import MARK, ApiKey
from api.identity.roles import Role, Scope
from api.identity.users import User
from api.prices import usd
from api.schemas import Shape


class UserBody(Shape):
    """A user; a limit that is null is the common one."""

    object: Literal["user"] = "user"
    username: str
    role: Role
    disabled: bool
    created_at: datetime | None
    updated_at: datetime | None
    rate_limit_per_minute: int | None
    max_jobs: int | None
    monthly_budget_usd: float | None
    tokens_per_minute: int | None
    max_streams: int | None
    prompt_guard: Policy | None

    @classmethod
    def of(cls, user: User) -> Self:
        """Show a user."""
        budget = user.monthly_budget_nano
        return cls(
            username=user.name,
            role=user.role,
            disabled=user.disabled,
            created_at=_moment(user.created_ms),
            updated_at=_moment(user.updated_ms),
            rate_limit_per_minute=user.rate_limit_per_minute,
            max_jobs=user.max_jobs,
            monthly_budget_usd=None if budget is None else usd(budget),
            tokens_per_minute=user.tokens_per_minute,
            max_streams=user.max_streams,
            prompt_guard=user.prompt_guard,
        )


class NewUserBody(UserBody):
    """A user who was just created."""

    password: str | None = Field(
        None, description="Made here because none was given; shown this once"
    )


class UserListBody(Shape):
    object: Literal["list"] = "list"
    data: list[UserBody]
    first_id: str | None
    last_id: str | None = Field(description="The next page's `after`")
    has_more: bool


class ApiKeyBody(Shape):
    """An API key, without its secret."""

    id: str
    object: Literal["api_key"] = "api_key"
    name: str
    prefix: str = Field(description="What the key begins with")
    scopes: list[Scope]
    created_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="To the minute")

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Show a key."""
        return cls(
            id=key.id,
            name=key.name,
            prefix=f"{MARK}{key.id}",
            scopes=list(key.scopes),
            created_at=_moment(key.created_ms),
            expires_at=_moment(key.expires_ms),
            last_used_at=_moment(key.used_ms),
        )


class NewApiKeyBody(ApiKeyBody):
    """A key that was just made."""

    key: str = Field(description="Send it as `Authorization: Bearer`; shown this once")


class ApiKeyListBody(Shape):
    object: Literal["list"] = "list"
    data: list[ApiKeyBody]


def _moment(ms: int) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None

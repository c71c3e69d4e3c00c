"""Users, as an administrator creates and changes them."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field, StringConstraints

from api.guard.policy import Policy
from api.identity.roles import Role
from api.identity.users import budget_nano
from api.requests.accounts import NewPassword
from api.schemas import Body

UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._@-]{1,64}$")]


class UserChange(Body):
    """What of a user to change; what is left out stays, null takes a limit away."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "user", "monthly_budget_usd": 25.0}]}
    )

    password: NewPassword | None = Field(None, description="A new one; ends the user's sessions")
    role: Role = Field(Role.USER, description="What the user may do; counts at once")
    disabled: bool = Field(False, description="Shut out at once; jobs go on, keys are kept")
    rate_limit_per_minute: int | None = Field(
        None, ge=0, le=1_000_000, strict=True, description="Submits; else RATE_LIMIT_PER_MINUTE"
    )
    max_jobs: int | None = Field(
        None, ge=0, le=1_000_000, strict=True, description="Unfinished ones; else MAX_JOBS_PER_USER"
    )
    monthly_budget_usd: float | None = Field(
        None, ge=0, le=1_000_000, description="In a calendar month (UTC); else as much as they like"
    )
    tokens_per_minute: int | None = Field(
        None,
        ge=0,
        le=1_000_000_000,
        strict=True,
        description="Of prompts and answers; else TOKENS_PER_MINUTE",
    )
    max_streams: int | None = Field(
        None, ge=0, le=1_000_000, strict=True, description="Open ones; else MAX_STREAMS_PER_USER"
    )

    prompt_guard: Policy | None = Field(
        None, description="What is done about found injections; else as the route's policy is"
    )

    def changes(self) -> dict[str, str | int | None]:
        """The fields of the record that were given; the password is the caller's to hash."""
        given: dict[str, Any] = self.model_dump(exclude_unset=True, exclude={"password"})
        if "monthly_budget_usd" in given:
            given["budget_nano"] = budget_nano(given.pop("monthly_budget_usd"))
        if "disabled" in given:
            given["disabled"] = int(given["disabled"])
        return given


class UserRequest(UserChange):
    """A new user."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "ada", "password": "a long sentence"}]}
    )

    username: UserName = Field(description="Letters, digits and ._@-")

    def changes(self) -> dict[str, str | int | None]:
        """The fields of the new record."""
        given = super().changes()
        return {"role": self.role.value, "disabled": int(self.disabled)} | {
            name: value for name, value in given.items() if name != "username"
        }

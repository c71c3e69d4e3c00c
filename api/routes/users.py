"""Users, for an administrator."""

import secrets
from typing import Annotated

from fastapi import APIRouter, Query, Response

from api.auth import Principal
from api.deps import AdminDep, StateDep
from api.identity.answers import NewUserBody, UserBody, UserListBody
from api.identity.audit import audit
from api.openapi import problems
from api.pages import DEFAULT_LIMIT, Limit
from api.problems import (
    NameTaken,
    NotYourself,
    RateLimited,
    UserNotFound,
)
from api.requests.users import UserChange, UserRequest

router = APIRouter(prefix="/admin/users", tags=["admin"])


@router.post("", status_code=201, responses=problems(NameTaken, RateLimited))
async def create_user(
    body: UserRequest, admin: AdminDep, response: Response, state: StateDep
) -> NewUserBody:
    """Create a user; without a password one is made and shown this once."""
    given = body.password.get_secret_value() if body.password else None
    password = given or secrets.token_urlsafe(18)
    hashed = await state.passwords.hash(password)
    user = await state.users.create(body.username, {**body.changes(), "password": hashed})
    audit("user.create", admin.user, target=user.name, role=user.role)
    response.headers["Location"] = f"/admin/users/{user.name}"
    response.headers["Cache-Control"] = "no-store"
    return NewUserBody(
        **UserBody.of(user).model_dump(), password=None if given is not None else password
    )


@router.get("")
async def list_users(
    state: StateDep,
    _admin: AdminDep,
    limit: Limit = DEFAULT_LIMIT,
    after: Annotated[str | None, Query(description="The `last_id` of the page before")] = None,
) -> UserListBody:
    """All users, by name."""
    users, has_more = await state.users.page(limit, after)
    names = [user.name for user in users]
    return UserListBody(
        data=[UserBody.of(user) for user in users],
        first_id=names[0] if names else None,
        last_id=names[-1] if names else None,
        has_more=has_more,
    )


@router.get("/{username}", responses=problems(UserNotFound))
async def get_user(username: str, state: StateDep, _admin: AdminDep) -> UserBody:
    """One user."""
    return UserBody.of(await state.users.get(username))


@router.patch("/{username}", responses=problems(UserNotFound, NotYourself, RateLimited))
async def change_user(
    username: str, body: UserChange, admin: AdminDep, state: StateDep
) -> UserBody:
    """Change a user; it counts from their next request on."""
    changes = body.changes()
    if {"role", "disabled"} & changes.keys():
        _not_yourself(admin, username, "change the role of, or disable,")
    if body.password:
        changes["password"] = await state.passwords.hash(body.password.get_secret_value())
    user = await state.users.change(username, changes)
    state.jobs.floods.forget(username)
    if body.password or user.disabled:
        await state.sessions.end_all(username)
    audit("user.change", admin.user, target=username, fields=" ".join(sorted(changes)))
    return UserBody.of(user)


@router.delete("/{username}", status_code=204, responses=problems(UserNotFound, NotYourself))
async def delete_user(username: str, admin: AdminDep, state: StateDep) -> None:
    """Delete a user with keys and sessions; unfinished batches and jobs are cancelled."""
    _not_yourself(admin, username, "delete")
    if username == state.users.first_user:
        raise NotYourself(f"{username} comes from ADMIN_USERNAME: disable it instead.")
    await state.users.delete(username)
    await state.sessions.end_all(username)
    await state.api_keys.delete_all(username)
    await state.batching.batches.cancel_all(username)
    await state.jobs.cancel_all(username)
    audit("user.delete", admin.user, target=username)


def _not_yourself(admin: Principal, username: str, what: str) -> None:
    """So that one administrator is always left. Raises NotYourself."""
    if admin.user == username:
        raise NotYourself(f"You cannot {what} yourself.")

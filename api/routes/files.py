"""Files, as the OpenAI API has them."""

from contextlib import suppress
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.batches.views import page_view
from api.deps import PrincipalDep, StateDep
from api.files.content import content_response
from api.files.files import new_file_id
from api.files.problems import (
    FileInUse,
    FileNotFound,
    FilesUnavailable,
    FileTooLarge,
    RangeNotSatisfiable,
)
from api.files.upload import Upload, receive
from api.files.views import FileBody, FileDeletedBody, FileListBody, file_view
from api.leaving import ClientLeft
from api.openapi import problems
from api.pages import After
from api.problems import InvalidRequest

#: Where bodies are larger than elsewhere.
UPLOAD_PATH = "/v1/files"

router = APIRouter(prefix=UPLOAD_PATH, tags=["openai"])

_FORM = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file", "purpose"],
            "properties": {
                "file": {"type": "string", "format": "binary"},
                "purpose": {"type": "string", "enum": ["batch"]},
                "expires_after[anchor]": {"type": "string", "enum": ["created_at"]},
                "expires_after[seconds]": {"type": "integer", "minimum": 3600},
            },
        }
    }
}
LONGEST_NAME = 255
#: OpenAI's bounds of a file's life, in seconds.
_LIFE = range(3600, 2_592_000 + 1)


@router.post(
    "",
    openapi_extra={"requestBody": {"required": True, "content": _FORM}},
    responses={
        200: {"model": FileBody},
        **problems(FileTooLarge, FilesUnavailable),
    },
)
async def upload_file(request: Request, state: StateDep, principal: PrincipalDep) -> Any:
    """Store a file: the input of a batch, one JSON object a line."""
    files, file_id = state.batching.files, new_file_id()
    kind = request.headers.get("content-type", "")
    try:
        upload = await receive(
            kind, request.stream(), files.content, file_id, state.settings.max_file_bytes
        )
        ttl_ms = _life_ms(upload)
    except BaseException as error:
        with suppress(OSError):
            await files.content.delete(file_id)
        if isinstance(error, OSError):
            raise files.unavailable(error) from error
        if isinstance(error, ClientDisconnect):
            raise ClientLeft from error
        raise
    return file_view(
        await files.add(
            file_id,
            principal.user,
            filename=upload.filename[:LONGEST_NAME] or "upload",
            purpose="batch",
            size=upload.size,
            ttl_ms=ttl_ms,
        )
    )


@router.get(
    "",
    responses={
        200: {"model": FileListBody},
    },
)
async def list_files(
    state: StateDep,
    principal: PrincipalDep,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 100,
    after: After = None,
    purpose: Annotated[str | None, Query(description="`batch` or `batch_output`")] = None,
    order: Annotated[Literal["asc", "desc"], Query()] = "desc",
) -> dict[str, Any]:
    """Your files."""
    found, more = await state.batching.files.page(
        principal.user, limit, after, purpose, newest=order == "desc"
    )
    return page_view([file_view(file) for file in found], more)


@router.get(
    "/{file_id}",
    responses={
        200: {"model": FileBody},
        **problems(FileNotFound),
    },
)
async def get_file(file_id: str, state: StateDep, principal: PrincipalDep) -> Any:
    """What is known of a file."""
    return file_view(await state.batching.files.get(principal.user, file_id))


@router.get(
    "/{file_id}/content",
    response_class=Response,
    responses={
        200: {"description": "The bytes", "content": {"application/octet-stream": {}}},
        206: {"description": "The bytes of `Range`"},
        **problems(FileNotFound, RangeNotSatisfiable),
    },
)
async def read_file(
    file_id: str,
    state: StateDep,
    principal: PrincipalDep,
    range_: Annotated[
        str | None, Header(alias="Range", description="`bytes=from-to`, one range")
    ] = None,
) -> Response:
    """A file's bytes; of results that are being written, those that there are."""
    file = await state.batching.files.get(principal.user, file_id)
    return content_response(state.batching.files, file, range_)


@router.delete(
    "/{file_id}",
    responses={
        200: {"model": FileDeletedBody},
        **problems(FileNotFound, FileInUse),
    },
)
async def delete_file(file_id: str, state: StateDep, principal: PrincipalDep) -> Any:
    """Delete a file that no unfinished batch needs."""
    file = await state.batching.files.get(principal.user, file_id)
    await state.batching.batches.delete_file(file)
    return {"id": file.id, "object": "file", "deleted": True}


def _life_ms(upload: Upload) -> int | None:
    """How long the file shall live, None for the default. Raises InvalidRequest."""
    if not upload.has_file:
        raise InvalidRequest.about("file", "required", None, "is missing")
    purpose = upload.fields.get("purpose")
    if purpose != "batch":
        raise InvalidRequest.about("purpose", "batch", purpose, "must be batch")
    seconds = upload.fields.get("expires_after[seconds]")
    if seconds is None:
        return None
    if not seconds.isdecimal() or int(seconds[:9]) not in _LIFE:
        limit = f"{_LIFE.start}..{_LIFE.stop - 1} seconds"
        raise InvalidRequest.about("expires_after", limit, seconds, f"must be {limit}")
    return int(seconds) * 1000

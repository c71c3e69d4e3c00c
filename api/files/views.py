"""A file as the OpenAI API shows it."""

from typing import Any, Literal

from pydantic import Field

from api.files.files import File
from api.schemas import Shape


def file_view(file: File) -> dict[str, Any]:
    """The FileObject."""
    return {
        "id": file.id,
        "object": "file",
        "bytes": file.bytes,
        "created_at": file.created_ms // 1000,
        "expires_at": file.expires_ms // 1000,
        "filename": file.filename,
        "purpose": file.purpose,
        "status": "processed",
    }


class FileBody(Shape):
    """An uploaded file, or the results of a batch. Times are Unix seconds."""

    id: str
    object: Literal["file"]
    bytes: int = Field(description="Of a result that is being written: so far")
    created_at: int
    expires_at: int
    filename: str
    purpose: str
    status: Literal["processed"]


class FileListBody(Shape):
    object: Literal["list"]
    data: list[FileBody]
    first_id: str | None
    last_id: str | None
    has_more: bool


class FileDeletedBody(Shape):
    id: str
    object: Literal["file"]
    deleted: Literal[True]

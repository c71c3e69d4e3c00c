"""An upload: a multipart form, read piece by piece and written straight to the store."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from api.files.problems import FileTooLarge
from api.files.store import FileStore
from api.problems import BadRequest, UnsupportedMediaType

#: Bytes gathered before they are written.
BUFFER = 1024 * 1024
#: Longest value of a field that is not the file.
_LONGEST_VALUE = 1024
#: The part that is the file.
FILE_FIELD = "file"


@dataclass(slots=True)
class Upload:
    """What came: the form's fields, and the size of the file that now is in the store."""

    filename: str = ""
    fields: dict[str, str] = field(default_factory=dict)
    size: int = 0
    has_file: bool = False


class _Form:
    """Hears the parser, and keeps of the file only what has not been written yet."""

    def __init__(self, limit: int) -> None:
        self.upload = Upload()
        self.buffer = bytearray()
        self.ended = False
        self._limit = limit
        self._header = b""
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._value = bytearray()

    def on_part_begin(self) -> None:
        self._headers = {}
        self._value = bytearray()

    def on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end].lower()

    def on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._headers[self._header] = self._headers.get(self._header, b"") + data[start:end]

    def on_header_end(self) -> None:
        self._header = b""

    def on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        self._name = options.get(b"name", b"").decode(errors="replace")
        if self._name == FILE_FIELD:
            if self.upload.has_file:
                raise BadRequest("The form has more than one file.")
            self.upload.has_file = True
            self.upload.filename = options.get(b"filename", b"").decode(errors="replace")

    def on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._name != FILE_FIELD:
            self._value += data[start:end]
            if len(self._value) > _LONGEST_VALUE:
                raise BadRequest(f"The field {self._name[:100]} is over {_LONGEST_VALUE} bytes.")
            return
        self.buffer += data[start:end]
        size = self.upload.size + len(self.buffer)
        if size > self._limit:
            raise FileTooLarge.about(
                FILE_FIELD, f"0..{self._limit} bytes", size, f"is over {self._limit} bytes"
            )

    def on_part_end(self) -> None:
        if self._name != FILE_FIELD:
            self.upload.fields[self._name] = self._value.decode(errors="replace")

    def on_end(self) -> None:
        self.ended = True


async def receive(
    content_type: str, body: AsyncIterator[bytes], store: FileStore, file_id: str, limit: int
) -> Upload:
    """Read the form; its file becomes ``file_id`` in the store, of ``limit`` bytes at most.

    Raises BadRequest, FileTooLarge, UnsupportedMediaType and OSError; the caller then deletes
    what was written.
    """
    form = _Form(limit)
    parser = _parser(content_type, form)
    try:
        async for piece in body:
            parser.write(piece)
            if len(form.buffer) >= BUFFER:
                await _write(form, store, file_id)
        parser.finalize()
    except MultipartParseError as error:
        raise BadRequest(f"The form cannot be read: {error}.") from error
    if not form.ended:
        raise BadRequest("The form ends before its last boundary.")
    await _write(form, store, file_id)
    return form.upload


async def _write(form: _Form, store: FileStore, file_id: str) -> None:
    data, form.buffer = bytes(form.buffer), bytearray()
    await store.write(file_id, form.upload.size, data)
    form.upload.size += len(data)


def _parser(content_type: str, form: _Form) -> MultipartParser:
    kind, options = parse_options_header(content_type)
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise UnsupportedMediaType(
            f"The body came as {content_type or 'nothing'}; send a file as multipart/form-data."
        )
    names = [
        *("on_part_begin", "on_part_data", "on_part_end", "on_header_field", "on_header_value"),
        *("on_header_end", "on_headers_finished", "on_end"),
    ]
    callbacks = {name: getattr(form, name) for name in names}
    return MultipartParser(options[b"boundary"], callbacks)  # type: ignore[arg-type]

"""Opens batches: looks through the input, then puts the lines in the backlog."""

import asyncio
import json

import structlog

from api.batches.batch import Batch
from api.batches.validation import Findings, validate
from api.files.files import Files
from api.settings import ApiSettings
from common.scripts import AsyncScripts

log = structlog.get_logger()

#: Lines put in the backlog by one call.
PIECE = 1000


class Opener:
    """Looks at one file at a time, beside the feeding of others."""

    def __init__(
        self, scripts: AsyncScripts, files: Files, settings: ApiSettings, token: str
    ) -> None:
        self._scripts = scripts
        self._files = files
        self._settings = settings
        self._token = token
        self._task: asyncio.Task[None] | None = None

    def open(self, batch: Batch) -> None:
        """Begin with this batch, unless another one is being opened; returns at once."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._open(batch), name=f"open {batch.id}")

    async def stop(self) -> None:
        """Leave what was begun to the next gateway, which begins it again."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _open(self, batch: Batch) -> None:
        try:
            await self._begin(batch, await self._validate(batch))
        except Exception as error:
            log.exception("a batch is opened again", batch_id=batch.id, error=str(error))

    async def _validate(self, batch: Batch) -> Findings:
        return await validate(
            self._files.content,
            batch.input_file_id,
            batch.input_bytes,
            batch.endpoint,
            self._settings.max_batch_lines,
            self._settings.max_body_bytes,
        )

    async def _begin(self, batch: Batch, findings: Findings) -> None:
        if findings.errors:
            errors = json.dumps(findings.errors)
            await self._scripts("batch_refuse", batch.id, self._token, errors)
            return
        enrolled = batch.enrolled
        while 0 <= enrolled < findings.lines:
            enrolled = await self._scripts(
                "batch_begin", batch.id, self._token, findings.lines, enrolled, PIECE
            )

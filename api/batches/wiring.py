"""The parts of batches and files, built once for a gateway."""

from dataclasses import dataclass

from redis.asyncio import Redis

from api.batches.batches import Batches
from api.batches.feeder import Feeder
from api.batches.feeding import LineMaker
from api.files.files import Files
from api.files.s3 import S3Files
from api.files.store import FileStore, LocalFiles
from api.settings import ApiSettings
from api.watch import Watcher
from common.scripts import AsyncScripts


@dataclass(frozen=True, slots=True)
class Batching:
    """What routes need of them, and the feeder, which runs beside."""

    files: Files
    batches: Batches
    feeder: Feeder


def build_batching(
    redis: "Redis",
    scripts: AsyncScripts,
    watcher: Watcher,
    maker: LineMaker,
    settings: ApiSettings,
) -> Batching:
    """Wire the parts; connects to nothing yet."""
    files = Files(redis, _store(settings), settings.file_ttl_seconds)
    batches = Batches(redis, scripts, watcher, files, settings)
    return Batching(files, batches, Feeder(redis, scripts, batches, files, maker, settings))


def _store(settings: ApiSettings) -> FileStore:
    if settings.files_url is not None:
        return S3Files(settings.files_url)
    return LocalFiles(settings.files_dir or settings.state_dir / "files")

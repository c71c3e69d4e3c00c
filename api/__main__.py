"""``python -m api``: the gateway on API_HOST:API_PORT."""

import uvicorn

from api.settings import ApiSettings
from common.settings import read_settings


def main() -> None:
    """Serve until SIGTERM or SIGINT; open streams get a moment to end."""
    settings = read_settings(ApiSettings)
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()

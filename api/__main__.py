"""``python -m api``: the gateway on API_HOST:API_PORT."""

import uvicorn

from api.heads import HttpProtocol
from api.settings import ApiSettings
from common.settings import read_settings


def main() -> None:
    """Serve until SIGTERM or SIGINT; open streams get a moment to end."""
    settings = read_settings(ApiSettings)
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        http=HttpProtocol,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # ForwardedBy reads them, and only those of listed proxies
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()

"""Whether this service would send to a URL: asked before anything is written down."""

from api.problems import InvalidRequest
from api.settings import ApiSettings
from common.settings import AppEnv
from common.webhook_url import EgressRules, UrlRefused, parse_webhook_url


def check_destination(field: str, url: str | None, settings: ApiSettings) -> None:
    """Raises InvalidRequest naming ``field``. Names are resolved later, by the worker."""
    if url is None:
        return
    https_only = settings.app_env is AppEnv.PRODUCTION
    rules = EgressRules(settings.allowed_networks, https_only)
    try:
        rules.check_url(parse_webhook_url(url))
    except UrlRefused as error:
        scheme = "https" if https_only else "http or https"
        limit = f"{scheme}, port 80 or 443, a host of the internet; see WEBHOOK_ALLOW_NETWORKS"
        raise InvalidRequest.about(field, limit, url[:100], str(error)) from error

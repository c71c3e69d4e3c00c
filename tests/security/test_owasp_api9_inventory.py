"""OWASP API9:2023, improper inventory management: what is served is what is described."""

import tempfile
from pathlib import Path

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Mount, Route

from api.app import create_app
from api.settings import ApiSettings
from common.settings import EngineName
from tests.support.routes import OPERATIONS

#: Pages and their assets, which are no operations of the API.
PAGES = {"/", "/console", "/docs", "/openapi.json", "/static-offline-docs", "/redoc"}


def served() -> list[BaseRoute]:
    with tempfile.TemporaryDirectory() as directory:
        app = create_app(ApiSettings(engine=EngineName.ECHO, state_dir=Path(directory)))
        return list(app.routes)


def methods_of(route: BaseRoute) -> set[str]:
    """What a route answers, less what the framework adds."""
    methods = getattr(route, "methods", None) or set()
    return set(methods) - {"HEAD"}


def flat(routes: list[BaseRoute]) -> list[BaseRoute]:
    """The routes, those of included routers too."""
    found: list[BaseRoute] = []
    for route in routes:
        router = getattr(route, "original_router", None)  # what include_router leaves
        found += flat(list(router.routes)) if router else [route]
    return found


def test_every_route_is_described_or_a_page() -> None:
    described = {(one.method.upper(), one.path) for one in OPERATIONS}
    for route in flat(served()):
        path = getattr(route, "path", "").replace(":path}", "}")
        if isinstance(route, APIRoute) and route.include_in_schema:
            for method in methods_of(route):
                assert (method, path) in described, f"{method} {path}"
        else:
            assert isinstance(route, (Route, Mount)), route
            known = any(path == page or path.startswith(f"{page}/") for page in PAGES - {"/"})
            assert known or path == "/", f"{path} is served and not described"


def test_there_is_one_version_of_everything() -> None:
    # /v1 is OpenAI's; nothing of ours is there twice, and nothing is left of an older one.
    assert not [one.path for one in OPERATIONS if "/v0" in one.path or "/v2" in one.path]
    assert not [one for one in OPERATIONS if one.about.get("deprecated")]


def test_every_operation_says_what_it_is_for() -> None:
    for one in OPERATIONS:
        assert one.about.get("summary"), one
        assert one.about.get("tags"), one
        assert one.about.get("description"), one

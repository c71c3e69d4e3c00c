"""The console: one static page at /, and its modules and styles under /console.

Nothing is built, and nothing is fetched from elsewhere: ``headers.OWN_FILES`` lets the page
run the scripts and styles of this folder and talk to this gateway, and no more.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from api.headers import OWN_FILES
from api.settings import ApiSettings
from common.instruments import service_version

FOLDER = Path(__file__).parent / "static" / "console"

#: Asked for anew each time, answered with 304 while unchanged: a new release shows at once.
FRESH = {"Cache-Control": "no-cache"}
#: What its forms ask for; these schemas and those that they name are what it may know.
FORMS = (
    *("GenerateRequest", "ExplainRequest", "EndpointRequest", "UserRequest"),
    *("ReloadRequest", "PasswordRequest", "ApiKeyRequest"),
)
_REFERENCE = re.compile(r"#/components/schemas/(\w+)")


class _Assets(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        # Said here, since a 304 has no type from which the policy could be told.
        response.headers.update({**FRESH, "Content-Security-Policy": OWN_FILES})
        return response


def install_console(app: FastAPI, settings: ApiSettings) -> None:
    """Serve the console; only GET and HEAD, and nothing that a route of the API is called."""

    @app.get("/console/links.json", include_in_schema=False)
    async def links() -> JSONResponse:
        return JSONResponse(_links(settings), headers=FRESH)

    @app.get("/console/forms.json", include_in_schema=False)
    async def forms() -> JSONResponse:
        return JSONResponse(forms_of(app.openapi()), headers=FRESH)

    assets = _Assets(directory=FOLDER)
    app.mount("/console", assets)

    @app.api_route("/", methods=["GET", "HEAD"], include_in_schema=False)
    async def console(request: Request) -> Response:
        return await assets.get_response("index.html", request.scope)


def forms_of(description: Mapping[str, Any]) -> dict[str, Any]:
    """The part of /openapi.json that the forms are made from; there where /docs is not."""
    schemas = description["components"]["schemas"]
    wanted, found = list(FORMS), dict[str, Any]()
    while wanted:
        name = wanted.pop()
        if name not in found:
            found[name] = schemas[name]
            wanted += _REFERENCE.findall(str(schemas[name]))
    return found


def _links(settings: ApiSettings) -> dict[str, Any]:
    """Where else to look; null for what is not open to a browser."""
    metrics = settings.prometheus_enabled and settings.shows_metrics
    return {
        "version": service_version(),
        "docs": "/docs" if settings.shows_docs else None,
        "metrics": "/metrics" if metrics else None,
        "flower": settings.flower_url,
    }

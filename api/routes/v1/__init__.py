"""What the ``openai`` package calls."""

from fastapi import APIRouter

from api.routes.v1 import chat, completions, models, responses

router = APIRouter()
for module in (models, chat, completions, responses):
    router.include_router(module.router)

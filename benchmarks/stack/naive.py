"""What one writes first: FastAPI, a lock, and ``generate``."""

from threading import Lock
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic_settings import BaseSettings


class NaiveSettings(BaseSettings):
    """Read from the environment."""

    naive_model: str
    naive_dtype: str


class Body(BaseModel):
    """What a client asks."""

    prompt: str
    max_tokens: int


def create_app() -> FastAPI:
    """``POST /generate`` answers one after the other."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    settings = NaiveSettings()
    tokenizer = AutoTokenizer.from_pretrained(settings.naive_model)
    dtype = getattr(torch, settings.naive_dtype)
    model = AutoModelForCausalLM.from_pretrained(settings.naive_model, dtype=dtype).eval()
    app, lock = FastAPI(), Lock()

    @app.post("/generate")
    def generate(body: Body) -> dict[str, Any]:
        turn = [{"role": "user", "content": body.prompt}]
        asked = tokenizer.apply_chat_template(
            turn, add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with lock, torch.inference_mode():
            answer = model.generate(**asked, max_new_tokens=body.max_tokens, do_sample=False)
        ids = answer[0, asked["input_ids"].shape[1] :]
        text = tokenizer.decode(ids, skip_special_tokens=True)
        return {"text": text, "tokens_used": len(ids)}

    return app

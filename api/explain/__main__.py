"""``python -m api.explain``: contexts in, the prompts that ``/explain`` makes of them out.

For the workshop, which fine-tunes on what will be asked and may not import the gateway. Each line
of stdin is a context as JSON; each line of stdout is ``{"prompt": ...}`` or ``{"error": ...}``.
"""

import json
import sys
from typing import Any

from pydantic import ValidationError

from api.explain.fence import Fence
from api.requests.explain import ExplainRequest

#: Any secret will do: the model learns the form of the marks, not these.
_FENCE = Fence("the workshop")


def answer(line: str) -> dict[str, Any]:
    """What one line of stdin gives."""
    try:
        request = ExplainRequest.model_validate({"context": json.loads(line)})
        return {"prompt": request.to_prompt(_FENCE).to_dict()}
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"] if not str(part).startswith("="))
        return {"error": f"{place}: {first['msg']}"}
    except ValueError as error:
        return {"error": str(error)}


if __name__ == "__main__":
    for _line in sys.stdin:
        print(json.dumps(answer(_line)))  # noqa: T201 - its job

"""A worker dies in the middle of an answer that is held to a schema."""

import json

import jsonschema
import pytest

from common.job import JobStatus
from common.sampling import ResponseFormat, Sampling
from tests.models import default_gguf
from tests.support.desk import Desk
from tests.support.echoes import ended, wait_for_tokens
from tests.support.stack import Stack

SCHEMA = {
    "type": "object",
    "properties": {
        name: {"type": "string", "minLength": 20, "maxLength": 30} for name in ("one", "two", "six")
    },
    "required": ["one", "two", "six"],
    "additionalProperties": False,
}
HELD = Sampling(120, 0.0, logprobs=1, response_format=ResponseFormat(json.dumps(SCHEMA), "it"))


@pytest.mark.model
def test_the_next_worker_goes_on_within_the_schema_and_no_log_probability_is_lost(
    stack: Stack, desk: Desk
) -> None:
    # Given an answer that nobody disturbed
    settings = {"ENGINE": "llamacpp", "MODEL": str(default_gguf()), "N_CTX": "512"}
    worker = stack.start_worker(**settings)
    whole = ended(desk, desk.submit(prompt="Numbers as JSON:", sampling=HELD))
    # When the worker of the same job dies in the middle
    job_id = desk.submit(prompt="Numbers as JSON:", sampling=HELD)
    wait_for_tokens(desk, job_id, 8)
    worker.kill()
    stack.start_worker("other", **settings)
    job = ended(desk, job_id)
    # Then the answer is the same, follows the schema, and every token has its log-probability
    assert (job.status, job.text) == (JobStatus.COMPLETED, whole.text)
    jsonschema.validate(json.loads(job.text), SCHEMA)
    assert job.logprobs is not None
    assert [token.chosen.data for token in job.logprobs] == [
        token.chosen.data for token in whole.logprobs or []
    ]
    assert len(job.logprobs) == job.tokens

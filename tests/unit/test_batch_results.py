"""The lines of the output files."""

import json

from api.batches.endpoints import ENDPOINTS
from api.batches.results import erased_result, is_success, job_result, rendered, skipped_result
from common.job import Work
from common.prompt import Prompt
from common.sampling import Sampling

RECORD = {
    "id": "batch_1_0",
    "user": "ada",
    "kind": "generate",
    "priority": "low",
    "work": Work(Prompt(text="hi"), Sampling()).to_json(),
    "created_ms": "1000",
    "enqueued_ms": "1000",
    "custom_id": "c0",
    "request_id": "req_1",
    "status": "completed",
    "finish_reason": "stop",
    "text": "hello",
    "tokens": "3",
    "prompt_tokens": "2",
    "model_info": json.dumps({"model_name": "llama"}),
}


def test_a_completed_line_holds_the_answer_of_its_endpoint() -> None:
    for endpoint in ("/v1/chat/completions", "/v1/completions", "/v1/responses", "/generate"):
        result = job_result(ENDPOINTS[endpoint], RECORD)

        assert is_success(result)
        assert (result["id"], result["custom_id"], result["error"]) == ("batch_1_0", "c0", None)
        assert "hello" in json.dumps(result["response"]["body"])


def test_the_same_record_always_gives_the_same_bytes() -> None:
    endpoint = ENDPOINTS["/v1/chat/completions"]
    later = {**RECORD, "expires_ms": "999", "revision": "9"}  # written when it was committed

    assert rendered(job_result(endpoint, RECORD)) == rendered(job_result(endpoint, later))


def test_a_refused_line_holds_what_the_endpoint_would_have_answered() -> None:
    refusal = json.dumps({"status_code": 400, "error": {"param": "max_tokens"}})
    record = {**RECORD, "status": "failed", "refusal": refusal, "error_code": "x"}

    result = job_result(ENDPOINTS["/v1/chat/completions"], record)

    assert not is_success(result)
    assert result["response"]["status_code"] == 400
    assert result["response"]["body"] == {"error": {"param": "max_tokens"}}


def test_a_line_that_failed_or_never_ran_holds_an_error_and_no_response() -> None:
    failed = {**RECORD, "status": "failed", "error_code": "timeout", "error_message": "Too long."}
    cancelled = {**RECORD, "status": "cancelled"}
    entry = json.dumps([7, "c7", "batch_expired"])
    results = [
        job_result(ENDPOINTS["/generate"], failed),
        job_result(ENDPOINTS["/generate"], cancelled),
        skipped_result("batch_1", entry),
        erased_result("batch_1", "8"),
    ]

    assert [result["error"]["code"] for result in results] == [
        *("timeout", "cancelled", "batch_expired", "erased"),
    ]
    assert all(result["response"] is None for result in results)
    assert (results[2]["id"], results[2]["custom_id"]) == ("batch_1_7", "c7")


def test_a_result_is_one_line_whatever_its_text_holds() -> None:
    record = {**RECORD, "text": "a\nb\u2028c\u0085d"}

    assert rendered(job_result(ENDPOINTS["/generate"], record)).decode().splitlines() != []
    assert len(rendered(job_result(ENDPOINTS["/generate"], record)).decode().splitlines()) == 1

"""Many questions in one file, answered as there is room.

pip install openai
CARAVAN_TOKEN=$(caravan token) python examples/openai_batch.py
"""

import json
import os
import time

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("CARAVAN_URL", "http://localhost:8000") + "/v1",
    api_key=os.environ["CARAVAN_TOKEN"],
)
model = client.models.list().data[0].id
words = ["call", "put", "strike", "premium", "expiration"]

lines = [
    {
        "custom_id": word,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": model,
            "messages": [{"role": "user", "content": f"What is a {word} in options trading?"}],
            "max_tokens": 40,
        },
    }
    for word in words
]
content = "\n".join(json.dumps(line) for line in lines).encode()
file = client.files.create(file=("questions.jsonl", content), purpose="batch")
batch = client.batches.create(
    input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
)

while batch.status not in ("completed", "failed", "expired", "cancelled"):
    time.sleep(0.5)
    batch = client.batches.retrieve(batch.id)
    print(batch.status, batch.request_counts)  # moves while it runs

for line in client.files.content(batch.output_file_id).text.splitlines():
    answer = json.loads(line)
    text = answer["response"]["body"]["choices"][0]["message"]["content"]
    print(f"{answer['custom_id']}: {text}")

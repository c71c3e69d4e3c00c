"""A chat with the unchanged openai package: an answer, and one as it is written.

pip install openai
CARAVAN_TOKEN=$(caravan token) python examples/openai_chat.py
"""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("CARAVAN_URL", "http://localhost:8000") + "/v1",
    api_key=os.environ["CARAVAN_TOKEN"],  # an access token, or an API key (cvn_...)
)
model = client.models.list().data[0].id
messages = [
    {"role": "system", "content": "You answer in one sentence."},
    {"role": "user", "content": "What is an option?"},
]

answer = client.chat.completions.create(model=model, messages=messages, max_tokens=60)
print(answer.choices[0].message.content)
print(answer.usage)

# As it is written; service_tier chooses the queue: flex, default, priority, ultrafast.
stream = client.chat.completions.create(
    model=model, messages=messages, max_tokens=60, stream=True, service_tier="priority"
)
for chunk in stream:
    print(chunk.choices[0].delta.content or "", end="", flush=True)
print()

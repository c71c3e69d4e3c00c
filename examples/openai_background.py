"""A background response: submitted at once, streamed, interrupted, and gone on with.

    pip install openai
    CARAVAN_TOKEN=$(caravan token) python examples/openai_background.py

Whatever is restarted meanwhile, gateway or worker: the response is made, and no event is lost.
"""

import os

from openai import OpenAI

client = OpenAI(
    base_url=os.environ.get("CARAVAN_URL", "http://localhost:8000") + "/v1",
    api_key=os.environ["CARAVAN_TOKEN"],
)
model = client.models.list().data[0].id

response = client.responses.create(
    model=model, input="What is a future?", max_output_tokens=80, background=True
)
print(response.id, response.status)

# Follow it for a while, as a client that will lose its connection.
last, enough = -1, 20
for event in client.responses.retrieve(response.id, stream=True):
    last = event.sequence_number
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)
        if last > enough:
            break

# Another client, another day: go on after the last event that was seen.
for event in client.responses.retrieve(response.id, stream=True, starting_after=last):
    if event.type == "response.output_text.delta":
        print(event.delta, end="", flush=True)
print()
print(client.responses.retrieve(response.id).status)

"""LangChain: its OpenAI chat model with another base_url.

pip install langchain-openai
CARAVAN_TOKEN=$(caravan token) python examples/langchain_chat.py
"""

import os

from langchain_openai import ChatOpenAI

url = os.environ.get("CARAVAN_URL", "http://localhost:8000") + "/v1"
model = os.environ.get("CARAVAN_MODEL", "SmolLM2-135M-Instruct")

llm = ChatOpenAI(model=model, base_url=url, api_key=os.environ["CARAVAN_TOKEN"], max_tokens=60)

print(llm.invoke("What is a bond?").content)
for chunk in llm.stream("What is a share?"):
    print(chunk.content, end="", flush=True)
print()

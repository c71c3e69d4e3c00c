"""What the two documents that Caravan was asked for with show, word for word."""

import json
from typing import Any

#: The explanation service's Example Request.
EXAMPLE_REQUEST: dict[str, Any] = {
    "context": {
        "analysis_type": "sentiment",
        "symbol": "AAPL",
        "sentiment_score": 0.75,
        "current_price": 150.0,
        "iv_rank": 65,
    },
    "max_tokens": 200,
    "temperature": 0.1,
    "priority": "normal",
}

#: The Example Response of the explanation service's documentation, word for word.
EXAMPLE_RESPONSE: dict[str, Any] = json.loads("""
{
  "explanation": "The positive sentiment analysis for AAPL reflects strong market confidence driven by robust institutional support and favorable analyst coverage. Key factors include solid earnings expectations, sector leadership position, and technical momentum indicators showing continued strength...",
  "tokens_used": 87,
  "processing_time_ms": 195,
  "model_info": {
    "model_name": "llama-2-7b-explanations",
    "quantization": "Q4_K_M",
    "gpu_layers": 35,
    "context_size": 4096
  },
  "confidence_score": 0.89
}
""")

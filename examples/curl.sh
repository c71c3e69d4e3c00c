#!/usr/bin/env bash
# The whole way of a job with curl: log in, submit, wait, poll, stream, cancel.
#
#     CARAVAN_URL=http://localhost:8000 bash examples/curl.sh
#
# USERNAME and PASSWORD are of the first run; curl -f fails where the gateway refuses.
set -euo pipefail

url=${CARAVAN_URL:-http://localhost:8000}
field() { python3 -c 'import json, sys; print(json.load(sys.stdin)[sys.argv[1]])' "$1"; }

token=${CARAVAN_TOKEN:-$(curl -sf "$url/auth/login" -H "Content-Type: application/json" \
  -d "{\"username\": \"${USERNAME:-admin}\", \"password\": \"${PASSWORD:-admin123}\"}" |
  field access_token)}
ask() { curl -sf "$@" -H "Authorization: Bearer $token" -H "Content-Type: application/json"; }

echo "--- the answer in the same request, waiting up to 30 seconds for it"
ask "$url/explain" -H "Prefer: wait=30" -d '{
  "context": {"analysis_type": "sentiment", "symbol": "AAPL", "sentiment_score": 0.75, "iv_rank": 65},
  "max_tokens": 60}' | field status

echo "--- a job at once; sent twice with the same key it is the same job"
key="order-$$-$(date +%s)"
for try in 1 2; do
  job=$(ask "$url/generate" -H "Idempotency-Key: $key" \
    -d '{"prompt": "The future of AI is", "max_tokens": 60}' | field id)
  echo "try $try: $job"
done

echo "--- poll"
while status=$(ask "$url/jobs/$job" | field status); [ "$status" != completed ]; do
  echo "$status"
  sleep 0.2
done

echo "--- stream; add -H 'Last-Event-ID: 12' to go on after token 12"
ask -N "$url/jobs/$job/events" | grep '^event:' | sort | uniq -c

echo "--- the result alone"
ask "$url/jobs/$job/result" | field text

echo "--- cancel"
job=$(ask "$url/generate" -d '{"prompt": "Count to a million", "max_tokens": 4000}' | field id)
ask -X DELETE "$url/jobs/$job" | field status

// Load with k6 (https://k6.io): so many users, each with one job at a time.
//
//   CARAVAN_TOKEN=$(caravan token) k6 run --vus 20 --duration 30s examples/load/k6.js
//
// The thresholds end the run with an error, which makes it a gate for releases.

import http from 'k6/http';
import { check, sleep } from 'k6';
import { Counter, Trend } from 'k6/metrics';

const url = __ENV.CARAVAN_URL || 'http://localhost:8000';
const headers = {
  Authorization: `Bearer ${__ENV.CARAVAN_TOKEN}`,
  'Content-Type': 'application/json',
  Prefer: 'wait=60',
};

const refused = new Counter('caravan_refused');
const queueWait = new Trend('caravan_queue_wait', true);

// What the service answers when it sheds load is no error of the service.
http.setResponseCallback(http.expectedStatuses({ min: 200, max: 299 }, 429, 503));

export const options = {
  thresholds: {
    http_req_failed: ['rate<0.001'],
    checks: ['rate>0.999'],
  },
};

export default function () {
  const body = JSON.stringify({ prompt: 'The future of AI is', max_tokens: 30 });
  const answer = http.post(`${url}/generate`, body, { headers, timeout: '90s' });
  if (answer.status === 429 || answer.status === 503) {
    refused.add(1);
    sleep(Number(answer.headers['Retry-After'] || 1));
    return;
  }
  const job = answer.json();
  check(job, { 'the job completed': (ended) => ended.status === 'completed' });
  if (job.started_at) {
    queueWait.add(new Date(job.started_at) - new Date(job.created_at));
  }
}

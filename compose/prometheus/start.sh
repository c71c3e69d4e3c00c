#!/bin/sh
# Puts the passwords that prometheus.yml names into files in memory, then becomes Prometheus.
set -eu
umask 077
printf %s "${METRICS_TOKEN:?is to stand in compose/.env}" > /tmp/metrics-token
printf %s "${FLOWER_PASSWORD:?is to stand in compose/.env}" > /tmp/flower-password
unset METRICS_TOKEN FLOWER_PASSWORD
exec /bin/prometheus "$@"

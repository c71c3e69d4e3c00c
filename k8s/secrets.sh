#!/bin/sh
# Prints the Secrets of a release, each value fresh and random:
#   sh k8s/secrets.sh [NAME] | kubectl -n NAMESPACE create -f -
# `create`, not `apply`: a second time it is refused, where new passwords would lock out everybody.
# For models behind a licence set HF_TOKEN before.
set -eu
name=${1:-caravan}

random() { head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \n'; }

keda=$(random)
cat <<END
apiVersion: v1
kind: Secret
metadata:
  name: $name
stringData:
  ADMIN_PASSWORD: "$(random)"
  FLOWER_PASSWORD: "$(random)"
  HF_TOKEN: "${HF_TOKEN:-}"
  JWT_SECRET: "$(random)"
  METRICS_TOKEN: "$(random)"
  REDIS_PASSWORD_FLOWER: "$(random)"
  REDIS_PASSWORD_GATEWAY: "$(random)"
  REDIS_PASSWORD_INFERENCE: "$(random)"
  REDIS_PASSWORD_KEDA: "$keda"
  REDIS_PASSWORD_MAINTENANCE: "$(random)"
  REDIS_PASSWORD_OPERATOR: "$(random)"
  REDIS_PASSWORD_WEBHOOKS: "$(random)"
  WEBHOOK_KEY: "$(random)"
---
apiVersion: v1
kind: Secret
metadata:
  name: $name-keda
stringData:
  username: keda
  password: "$keda"
END

#!/usr/bin/env bash
# The session on the README's first screen: typed by this script, answered for real.
# `make recording` records it. A state directory of its own, with the models that are there.
set -euo pipefail

unset MAKEFLAGS MAKELEVEL  # make is typed here, not called by make
STATE_DIR=$(mktemp -d)
ln -s "$PWD/var/models" "$STATE_DIR/models"
export STATE_DIR XDG_CONFIG_HOME="$STATE_DIR/config" OMP_WAIT_POLICY=PASSIVE
export PATH="$PWD/.venv/bin:$PATH" TERM=xterm-256color
trap 'make stop > /dev/null; rm -rf "$STATE_DIR"' EXIT

type_and_run() {
  printf '\e[32m$\e[0m '
  for ((i = 0; i < ${#1}; i++)); do
    printf '%s' "${1:i:1}"
    sleep 0.03
  done
  sleep 0.4
  printf '\n'
  eval "$1"
  printf '\n'
  sleep 1.5
}

type_and_run 'make run DETACH=1'
type_and_run 'echo admin123 | caravan login -u admin --password-stdin'
type_and_run 'caravan explain MSFT --type options strike=430 iv_rank=72 days_to_expiration=30 -n 90'
type_and_run 'caravan jobs'
sleep 3

#!/bin/sh
# Installs what the benchmark compares the service with: Debian's mosquitto and redis-server, where they are missing.
# The benchmark starts its own on ports of their own; the system's services stay as they are, or off.
set -eu
missing=""
command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing="$missing mosquitto"
command -v redis-server >/dev/null || missing="$missing redis-server"
if [ -z "$missing" ]; then
  echo "mosquitto and redis-server are there already."
  exit 0
fi
sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo"
$sudo apt-get update
# shellcheck disable=SC2086 # one word for each package
$sudo apt-get install --yes --no-install-recommends $missing

#!/usr/bin/env bash
# Builds the image from the Dockerfile and lives through a container's life with it: start, training, predictions,
# SIGTERM, a second container on the same volume. Prints the image's size, and leaves nothing behind.
#
# With Docker where an engine runs. Otherwise, as root on Debian, with podman (installed where it is missing), which
# needs no engine, and stand-ins for the base images (scripts/docker/base-images.sh), in a store of its own.
# Needs Node and npm here, and takes minutes. Setting: HEBB_CHECK_ENGINE=docker|podman.
set -euo pipefail
cd "$(dirname "$0")/.."

name=hebb-check-$$
work=$(mktemp -d "${TMPDIR:-/tmp}/$name.XXXXXX")

say() { printf '== %s\n' "$*"; }
fail() {
  printf 'docker-check: %s\n' "$*" >&2
  exit 1
}

engine=${HEBB_CHECK_ENGINE:-}
if [ -z "$engine" ]; then
  if timeout 20 docker info >/dev/null 2>&1; then engine=docker; else engine=podman; fi
fi

engine_up=false
clean_up() {
  local status=$?
  trap - EXIT
  set +e
  if $engine_up; then
    if [ "$status" -ne 0 ]; then "${cli[@]}" logs --tail 50 "$name" 2>&1; fi
    "${cli[@]}" rm --force --volumes "$name" >/dev/null 2>&1
    "${cli[@]}" volume rm --force "$name" >/dev/null 2>&1
    "${cli[@]}" rmi --force "$name" >/dev/null 2>&1
    if [ "$engine" = podman ]; then
      "${cli[@]}" rmi --all --force >/dev/null 2>&1
      umount "$work"/store/overlay 2>/dev/null
    fi
  fi
  rm -rf --one-file-system "$work"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT TERM HUP

# --- The engine: `cli` is its command, `build_options` and `run_options` are what it needs here.

build_options=()
case $engine in
docker)
  cli=(docker)
  run_options=(--publish 127.0.0.1::8080)
  ;;
podman)
  [ "$(id -u)" -eq 0 ] || fail 'no Docker engine runs here, and podman with its own base images needs root'
  missing=()
  for package in podman runc debootstrap; do command -v "$package" >/dev/null || missing+=("$package"); done
  if [ "${#missing[@]}" -gt 0 ]; then
    say "installing ${missing[*]}"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >"$work/apt.log" 2>&1 ||
      { tail -n 20 "$work/apt.log" >&2; exit 1; }
  fi
  storage=vfs
  if grep -qw overlay /proc/filesystems; then storage=overlay; fi
  cli=(podman --root "$work/store" --runroot "$work/run" --tmpdir "$work/tmp" --storage-driver "$storage"
    --runtime runc --cgroup-manager cgroupfs --log-level fatal)
  build_options=(--isolation chroot --network host --pull-never --format docker)
  if [ -d /etc/apt/apt.conf.d ]; then build_options+=(--volume /etc/apt/apt.conf.d:/etc/apt/apt.conf.d:ro); fi
  # A network with nothing but loopback: the image keeps its own settings, and no port of this machine is taken.
  run_options=(--network none --read-only-tmpfs=false --ulimit nofile=4096:4096 --ulimit nproc=4096:4096)
  engine_up=true
  say 'base images'
  mkdir "$work/base"
  scripts/docker/base-images.sh "$work/base" "${cli[@]}"
  ;;
*) fail "HEBB_CHECK_ENGINE must be docker or podman, got \"$engine\"" ;;
esac
engine_up=true

# --- The image.

# npm in the build reaches its registry as npm does here; no layer keeps either file.
npmrc=$work/npmrc
for kind in globalconfig userconfig; do
  file=$(npm config get "$kind" 2>/dev/null)
  if [ -f "$file" ]; then grep -E '^(//|_auth|@[^:]+:registry|(https?-)?proxy|noproxy|strict-ssl)' "$file" || true; fi
done >"$npmrc"
echo "registry=$(npm config get registry 2>/dev/null)" >>"$npmrc"
chmod 600 "$npmrc"
authorities=${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}
if [ -f "$authorities" ]; then
  echo 'cafile=/run/secrets/ca' >>"$npmrc"
  build_options+=(--secret "id=ca,src=$authorities")
fi

say "image ($engine)"
"${cli[@]}" build "${build_options[@]}" --secret "id=npmrc,src=$npmrc" --tag "$name" . >"$work/build.log" 2>&1 ||
  { tail -n 60 "$work/build.log" >&2; fail 'the image does not build'; }
bytes=$("${cli[@]}" image inspect --format '{{.Size}}' "$name")
compressed=$("${cli[@]}" save "$name" 2>/dev/null | gzip -c | wc -c)
user=$("${cli[@]}" image inspect --format '{{.Config.User}}' "$name")
[ "$user" = node ] || fail "the image's user is \"$user\""

# --- Containers of it.

# What follows runs in the container's network.
reach=()
base=
start() {
  "${cli[@]}" run --detach --name "$name" --volume "$name:/data" "${run_options[@]}" "$@" "$name" >/dev/null
  if [ "$engine" = docker ]; then
    base=http://$(docker port "$name" 8080/tcp | head -n 1)
  else
    reach=(nsenter "--net=/proc/$("${cli[@]}" inspect --format '{{.State.Pid}}' "$name")/ns/net")
    # The second address of loopback answers only to a server that listens on all addresses, as the image must.
    base=http://127.0.0.2:8080
  fi
  "${reach[@]}" node scripts/docker/visit.mjs "$base" up
}

visit() { "${reach[@]}" node scripts/docker/visit.mjs "$base" "$1" "$work/state.json"; }

# Ends it as `docker stop` does, without the SIGKILL after it.
stop() {
  local began code took
  began=$(date +%s%N)
  "${cli[@]}" kill --signal TERM "$name" >/dev/null
  code=$(timeout 20 "${cli[@]}" wait "$name") || fail 'SIGTERM does not stop the container'
  took=$((($(date +%s%N) - began) / 1000000))
  if [ "$code" -ne 0 ] || [ "$took" -ge 10000 ]; then fail "after SIGTERM: exit code $code in $took ms"; fi
  say "SIGTERM while a job trains: exit code 0 after $took ms"
}

say 'first container'
start
uid=$("${cli[@]}" exec "$name" node -p 'process.getuid()')
[ "$uid" -ne 0 ] || fail 'the service runs as root'
command=$("${cli[@]}" exec "$name" cat /proc/1/cmdline | tr '\0' ' ')
[ "$command" = 'node --max-semi-space-size=4 dist/main.js ' ] || fail "process 1 is \"$command\""
say "process 1 is node, with user id $uid"
if [ "$engine" = docker ]; then
  for _ in $(seq 60); do
    health=$(docker inspect --format '{{.State.Health.Status}}' "$name")
    [ "$health" = starting ] || break
    sleep 1
  done
  [ "$health" = healthy ] || fail "the health check says $health"
else
  "${cli[@]}" healthcheck run "$name" || fail 'the health check fails'
fi
say 'the health check passes'
visit train
stop
"${cli[@]}" rm "$name" >/dev/null

say 'second container on the same volume, with a read-only root and no capabilities'
start --read-only --cap-drop ALL --security-opt no-new-privileges
visit return
zombies=$("${cli[@]}" exec "$name" sh -c 'cat /proc/[0-9]*/stat' 2>/dev/null | awk '{ sub(/.*\) /, ""); if ($1 == "Z") n++ } END { print n + 0 }')
[ "$zombies" -eq 0 ] || fail "$zombies dead processes were not reaped"
stop

awk -v name=hebb -v bytes="$bytes" -v compressed="$compressed" \
  'BEGIN { printf "== image %s: %.1f MB, %.1f MB compressed (gzip)\n", name, bytes / 1e6, compressed / 1e6 }'
say 'all is well'

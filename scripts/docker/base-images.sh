#!/usr/bin/env bash
# Stand-ins for the two images that the Dockerfile names, for a machine that cannot pull them: Debian from debootstrap,
# Node with its headers and npm from the npm registry, in the places where the official images have them.
#
#   base-images.sh WORK PODMAN...    WORK: an empty folder; PODMAN...: the command, with its options
set -euo pipefail

work=$1
shift
podman=("$@")
release=bookworm
node_major=24

debootstrap --variant=minbase "$release" "$work/debian" >"$work/debootstrap.log" 2>&1 ||
  { tail -n 20 "$work/debootstrap.log" >&2; exit 1; }
# As the slim variant: no documents, no package files.
rm -rf "$work"/debian/usr/share/{doc,info,locale,man}/* "$work"/debian/var/cache/apt/* \
  "$work"/debian/var/lib/apt/lists/* "$work"/debian/var/log/*.log
tar -C "$work/debian" --exclude=./dev/* -c . |
  "${podman[@]}" import --quiet --change 'CMD ["bash"]' - "docker.io/library/debian:$release-slim" >/dev/null

mkdir -p "$work/node/usr/local/lib/node_modules/npm"
(
  cd "$work"
  node_package=$(npm pack --silent "node-linux-$(node -p process.arch)@$node_major")
  npm_package=$(npm pack --silent npm@11)
  tar -xzf "$node_package" -C node/usr/local --strip-components=1 --no-same-owner package/bin package/include
  tar -xzf "$npm_package" -C node/usr/local/lib/node_modules/npm --strip-components=1 --no-same-owner
  for command in npm npx; do
    ln -s "../lib/node_modules/npm/bin/$command-cli.js" "node/usr/local/bin/$command"
  done
)
printf 'FROM debian:%s-slim\nCOPY . /\nCMD ["node"]\n' "$release" >"$work/Containerfile"
"${podman[@]}" build --quiet --isolation chroot --format docker --pull-never --file "$work/Containerfile" \
  --tag "docker.io/library/node:$node_major-$release-slim" "$work/node" >/dev/null
rm -rf "$work"/debian "$work"/node "$work"/*.tgz

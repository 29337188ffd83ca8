# syntax=docker/dockerfile:1
# Builds the one binary, then puts it into a small image that runs as an ordinary user.
# `scripts/container-proof.sh` builds and runs this file where no image registry can be reached.

FROM docker.io/library/rust:1.95-slim-bookworm AS build
# Set to `true` where the crates are handed in and the network is not to be used.
ARG CARGO_NET_OFFLINE=false
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin fencepost \
 && strip target/release/fencepost

FROM docker.io/library/debian:bookworm-slim
# Roots for MTA-STS policies, the gateway's API and the mail relay.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/target/release/fencepost /usr/local/bin/fencepost
COPY --from=build /src/config /etc/fencepost
# Numbers instead of names: the orchestrator can then see that it is not root.
RUN install -d -o 10001 -g 10001 -m 0750 /var/lib/fencepost /var/lib/fencepost/data
ENV FENCEPOST_CONFIG=/etc/fencepost/fencepost.yaml
USER 10001:10001
# Relative paths of the configuration (`data/fencepost.db`) start here.
WORKDIR /var/lib/fencepost
VOLUME /var/lib/fencepost/data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["fencepost", "healthcheck", "--url", "http://127.0.0.1:8080/healthz"]
ENTRYPOINT ["fencepost"]
CMD ["serve"]

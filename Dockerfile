# The whole image from source:  docker build --target runtime -t apnswatch .
# From a binary made before, without any network (scripts/image does this): replace the stage `files` by a folder with
# --build-context files=FOLDER.

FROM rust:1.95-bookworm AS builder
ARG TARGET=x86_64-unknown-linux-gnu
WORKDIR /src
COPY . .
# Static, for the image holds no libc. The explicit target keeps the flag away from build scripts and proc macros, which
# cannot be static.
RUN mkdir -p /files/state \
    && cp "$(scripts/static "$TARGET")" /files/apnswatch \
    && cp /etc/ssl/certs/ca-certificates.crt /files/ca-certificates.crt

# What goes into the image: apnswatch, ca-certificates.crt, and an empty folder `state`.
FROM scratch AS files
COPY --from=builder /files /

FROM scratch AS runtime
LABEL org.opencontainers.image.title="apnswatch" \
      org.opencontainers.image.description="Watches the one certificate a year that Apple device management depends on"
# The CAs are as old as the image: rebuild it now and then, or mount a newer bundle over this one.
COPY --from=files ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=files apnswatch /apnswatch
# The store. Mount a volume here, writable for 65532; without one a new container has forgotten every pinned topic. All
# the rest can be read-only.
COPY --from=files --chown=65532:65532 state /var/lib/apnswatch
# By number, so that a cluster can see that it is not root.
USER 65532:65532
# Each thread that makes a scrape would keep a heap of its own; with two for all, 10,000 tenants need a third less memory.
ENV MALLOC_ARENA_MAX=2
EXPOSE 12197
ENTRYPOINT ["/apnswatch"]
CMD ["serve"]

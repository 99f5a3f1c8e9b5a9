# The hub: one static program, no shell, not root, nothing to write to but its volume at /data.
# Context: the folder that `deploy/images/program-context.sh hub FOLDER` makes.
FROM scratch
# Not the usual path: where builds have a `caBundle`, it is mounted there.
COPY ca-certificates.crt /etc/ssl/cert.pem
COPY polyaxon-hub /usr/local/bin/polyaxon-hub
ENV PATH=/usr/local/bin
ENV POLYAXON_HUB_DATA_DIR=/data
USER 65532:65532
EXPOSE 8000
ENTRYPOINT ["/usr/local/bin/polyaxon-hub"]

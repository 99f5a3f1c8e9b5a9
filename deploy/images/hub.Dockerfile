# The hub: one static program, no shell, not root, nothing to write to but its volume at /data.
# Context: the folder that `deploy/images/program-context.sh hub FOLDER` makes.
FROM scratch
COPY ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY polyaxon-hub /usr/local/bin/polyaxon-hub
ENV PATH=/usr/local/bin
ENV POLYAXON_HUB_DATA_DIR=/data
USER 65532:65532
EXPOSE 8000
ENTRYPOINT ["/usr/local/bin/polyaxon-hub"]

# The agent: one static program, no shell, not root, nothing to write to but its folder at /data.
# Context: the folder that `deploy/images/program-context.sh agent FOLDER` makes.
FROM scratch
# Not the usual path: where builds have a `caBundle`, it is mounted there.
COPY ca-certificates.crt /etc/ssl/cert.pem
COPY polyaxon-agent /usr/local/bin/polyaxon-agent
ENV PATH=/usr/local/bin
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/polyaxon-agent"]

# The image of init steps and sidecar, for those who build images with an engine. Context: a folder
# with the program that `deploy/images/build-static.sh polyaxon-pod` prints the path of.
#
#   docker build -f deploy/images/pod.Dockerfile -t polyaxon-pod "$(dirname "$(deploy/images/build-static.sh polyaxon-pod)")"
FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends git openssh-client ca-certificates \
    && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY polyaxon-pod /usr/local/bin/polyaxon-pod
# Pod plans call it by the name that they were written for.
RUN ln -s polyaxon-pod /usr/local/bin/polyaxon
ENV GIT_TERMINAL_PROMPT=0
ENTRYPOINT ["/usr/local/bin/polyaxon"]

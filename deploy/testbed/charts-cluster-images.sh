# shellcheck shell=bash
# Own images of charts-cluster-test.sh, which reads this with `source`.
# shellcheck disable=SC2034,SC2154 # variables are of those who read this file

# image_contexts: the folders of the images as a git repository, as deploy/images/README.md says.
image_contexts() {
    local contexts=$work/image-contexts name
    for name in hub agent pod; do
        POLYAXON_PROFILE=ci "$here/../images/program-context.sh" "$name" "$contexts/$name" 2>"$work/output" ||
            fail "what the image of the $name is built from: $(cat "$work/output")"
    done
    git -C "$contexts" init --quiet --initial-branch=main
    git -C "$contexts" add .
    git -C "$contexts" -c user.name=test -c user.email=test@example.org commit --quiet --message=contexts
}
# serve_contexts: for pods, at `git_address`.
serve_contexts() {
    local port
    port=$(free_port)
    git_address=git://$POLYAXON_E2E_CLUSTER_GATEWAY:$port/image-contexts
    git daemon --export-all --base-path="$work" --listen="$POLYAXON_E2E_CLUSTER_GATEWAY" --port="$port" "$work" 2>"$work/git.log" &
    forwards+=($!)
    eventually 20 git ls-remote --quiet "$git_address" || fail "git answers: $(cat "$work/output" "$work/git.log")"
}
# build_image NAME: builds the image by its recipe as it stands; its digest is in `digest`.
build_image() {
    local seconds=$SECONDS
    polyaxon run -f "$here/../images/$1.yaml" -l >"$work/log" 2>"$work/output" || fail "the image of the $1 is built: $(cat "$work/output" "$work/log")"
    polyaxon ops get -uid "$(newest_run)" -o json >"$work/run.json"
    digest=$(jq --exit-status --raw-output '.build | select(.confirmed) | .digest' "$work/run.json") ||
        fail "the digest of the $1's image is confirmed: $(cat "$work/run.json")"
    ok "the image of the $1 is built by its recipe in $((SECONDS - seconds)) s"
}
# runs_image DIGEST NAME: the pods of this name run the image.
runs_image() {
    kubectl get pods --selector "app.kubernetes.io/name=$2" --output json |
        jq --exit-status --arg digest "$1" '.items | map(select(.metadata.deletionTimestamp == null)) |
            length > 0 and all(.status.containerStatuses[0].imageID | endswith($digest))' >/dev/null
}
# replace_agent SETTING...: and waits until the hub knows the catalog of the new one, which leads once the one before has ended.
replace_agent() {
    local before another
    before=$(pods_of_agent)
    install_agent "$@"
    eventually 60 another_says "$before" 'agent ready' || fail "the agent with other settings is ready: $(pods_of_agent), before $before"
}
# builds_its_own_images HUB-SETTING...: hub, agent and pods of runs build the images of themselves, and go on with those.
builds_its_own_images() {
    local digest git_address hub agent pod settings version
    version=$("$POLYAXON_CLI" version --client | sed 's/polyaxon //')
    serve_contexts
    cat >"$work/images-values.yaml" <<YAML
config:
  connections:
  - {name: docker-connection, kind: registry, schema: {url: "$POLYAXON_E2E_CLUSTER_REGISTRY"}}
  - {name: image-contexts, kind: git, schema: {url: "$git_address"}}
YAML
    settings=(--set config.maxRuns=3 --values "$work/images-values.yaml")
    replace_agent "${settings[@]}"
    build_image hub && hub=$digest
    build_image agent && agent=$digest
    build_image pod && pod=$POLYAXON_E2E_CLUSTER_REGISTRY/polyaxon-pod@$digest

    hub_image=$POLYAXON_E2E_CLUSTER_REGISTRY/polyaxon-hub:$version agent_image=$POLYAXON_E2E_CLUSTER_REGISTRY/polyaxon-agent:$version
    install_hub "$@" --set "image.digest=$hub"
    forward
    replace_agent "${settings[@]}" --set "image.digest=$agent,podImage=$pod"
    runs_image "$hub" polyaxon-hub || fail "the hub runs the image that it built: $(kubectl get pods --output yaml)"
    runs_image "$agent" polyaxon-agent || fail "the agent runs the image that it built: $(kubectl get pods --output yaml)"
    build_image hub
    all_namespaces --namespace "$runs" get events --output json |
        jq --exit-status --arg image "$pod" '.items | any(.reason == "Pulled" and (.message | contains($image)))' >/dev/null ||
        fail "the pod of a run has the image that was built: $(all_namespaces --namespace "$runs" get events)"
    ok "hub, agent and pods of runs are of images that they built themselves"
}

# shellcheck shell=bash
# Builds of charts-cluster-test.sh, which reads this with `source`: the operation of the quick start, and builds that go on while
# the agent and the hub are replaced.
# shellcheck disable=SC2154 # variables are of those who read this file
# shellcheck disable=SC2016 # a Dockerfile's shell expands it

# whole FILE LAST: the log in it has the lines 100 to LAST, once and in order.
whole() {
    [ "$(grep --only-matching --extended-regexp 'line [1-9][0-9][0-9]' "$1")" = "$(seq --format='line %g' 100 "$2")" ]
}
# last_line ID: number of the last line of its log.
last_line() {
    polyaxon ops logs -uid "$1" -nf --raw | sed -n 's/.*line \([1-9][0-9][0-9]\).*/\1/p' | tail --lines=1
}
# ended_once ID: its statuses hold one end, at the first attempt.
ended_once() {
    polyaxon ops statuses -uid "$1" -o json | jq --exit-status \
        '[.events[] | select(.ignored != true and (.status | IN("succeeded", "failed", "stopped")))] | length == 1' &&
        polyaxon ops get -uid "$1" -o json | jq --exit-status '.attempt == 1'
}
# jobs_of ID: the Jobs of a run, by what no other object has.
jobs_of() {
    all_namespaces --namespace "$runs" get jobs --selector "operation.polyaxon.com/uuid=$1" --output jsonpath='{.items[*].metadata.uid}'
}

# What the registry with TLS and a password has for `latest` of the quick start.
pushed_digest() {
    curl --silent --fail --noproxy '*' --head --cacert "$POLYAXON_E2E_CLUSTER_CA" --user "$(tr -d '\n' <"$POLYAXON_E2E_CLUSTER_CREDENTIALS")" \
        --header 'accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json' \
        "https://$POLYAXON_E2E_CLUSTER_PRIVATE_REGISTRY/v2/polyaxon/polyaxon-quick-start/manifests/latest" |
        tr -d '\r' | sed -n 's/^docker-content-digest: //Ip'
}
# newest_run: its id.
newest_run() {
    polyaxon ops ls -o json | jq --raw-output '.runs[0].uuid'
}
# quick_start: the run is in $work/run.json.
quick_start() {
    local run digest
    polyaxon run -f "$fixtures/1-quick-start-builds.yaml" -l >"$work/followed" 2>"$work/output" || fail "the quick start: $(cat "$work/output" "$work/followed")"
    run=$(newest_run)
    polyaxon ops get -uid "$run" -o json >"$work/run.json"
    digest=$(pushed_digest) || fail "the registry has what the quick start pushed"
    jq --exit-status --arg digest "$digest" '.build.confirmed and .build.digest == $digest' "$work/run.json" >/dev/null ||
        fail "its digest is confirmed, and that of the registry, $digest: $(cat "$work/run.json")"
    polyaxon ops logs -uid "$run" >"$work/log" 2>"$work/output" || fail "the log of the quick start: $(cat "$work/output")"
    cmp --silent "$work/followed" "$work/log" || fail "the log that was followed is that which is kept: $(diff "$work/followed" "$work/log")"
}
quick_start_twice() {
    local seconds=$SECONDS
    quick_start
    ok "the operation of the quick start builds unchanged, after $((SECONDS - seconds)) s"
    seconds=$SECONDS
    quick_start
    jq --exit-status '.build.cache_hits | any(startswith("RUN pip3 install --no-cache-dir -U polyaxon"))' "$work/run.json" >/dev/null ||
        fail "its second run is from the cache: $(cat "$work/run.json")"
    ok "its second run is from the cache, after $((SECONDS - seconds)) s"
}

# A run that is no build, and whose file asks for little, in a namespace with Pod Security's `restricted`: it has a step and a sidecar of ours.
modest_run() {
    local id
    # It warns of pods of before.
    all_namespaces label namespace "$runs" --overwrite pod-security.kubernetes.io/enforce=restricted >"$work/output" 2>&1 ||
        fail "Pod Security's restricted: $(cat "$work/output")"
    cat >"$work/modest.yaml" <<YAML
kind: operation
component:
  run:
    kind: job
    environment:
      securityContext: {runAsNonRoot: true, runAsUser: 65532, fsGroup: 65532}
    init:
    - file: {filename: note.txt, content: written by a step}
    container:
      image: $POLYAXON_E2E_CLUSTER_REGISTRY/library/busybox:1.36
      command: [sh, -c, 'cp {{ globals.artifacts_path }}/note.txt {{ globals.run_outputs_path }}/ && cat {{ globals.run_outputs_path }}/note.txt']
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
YAML
    id=$(queue_file "$work/modest.yaml")
    eventually 120 is succeeded "$id" || fail "a run that asks for little: $(polyaxon ops get -uid "$id")"
    polyaxon ops logs -uid "$id" --raw >"$work/log"
    grep --quiet 'written by a step' "$work/log" || fail "a step of ours wrote: $(cat "$work/log")"
    if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ]; then
        eventually 60 grep --quiet 'written by a step' "$POLYAXON_TESTBED_DIR/cluster/data/${volumes[1]}/$id/outputs/note.txt" ||
            fail "a sidecar of ours kept it: $(find "$POLYAXON_TESTBED_DIR/cluster/data/${volumes[1]}")"
    fi
    all_namespaces label namespace "$runs" --overwrite pod-security.kubernetes.io/enforce=baseline >/dev/null
    ok "a run that asks for little keeps to Pod Security's restricted, with our own containers"
}

pods_of_agent() {
    kubectl get pods --selector app.kubernetes.io/name=polyaxon-agent --output jsonpath='{.items[*].metadata.name}'
}
# log_says POD WORDS
log_says() {
    [[ $(kubectl logs "$1") = *"\"$2\""* ]]
}
# another_says PODS WORDS: finds a pod of the agent, `another`, that is none of these and has said so.
another_says() {
    local pod
    for pod in $(pods_of_agent); do
        if [[ " $1 " != *" $pod "* ]] && log_says "$pod" "$2"; then
            another=$pod
            return
        fi
    done
    return 1
}
# leads BEFORE: finds the pod that leads, `leader`, and that is not the one that did before.
leads() {
    another_says "$1" 'this agent leads' && leader=$another
}
# crash POD: kills its agent with SIGKILL, as the node would that has no memory left. The node is this machine.
crash() {
    local process pod
    pod=$(kubectl get pod "$1" --output jsonpath='{.metadata.uid}')
    for process in /proc/[0-9]*; do
        if [ "$(cat "$process/comm" 2>/dev/null)" = polyaxon-agent ] && grep --quiet --fixed-strings "$pod" "$process/cgroup"; then
            kill -KILL "${process##*/}"
            return
        fi
    done
    return 1
}
restarted() {
    [ "$(kubectl get pod "$1" --output jsonpath='{.status.containerStatuses[0].restartCount} {.status.containerStatuses[0].ready}')" = '1 true' ]
}
says_more() {
    [ "$(last_line "$endless")" -gt "$1" ]
}
# goes_on WHAT: the build without an end goes on in the Job that it had, and the log comes.
goes_on() {
    local said
    said=$(last_line "$endless")
    eventually 60 says_more "${said:-0}" || fail "the log comes after $1, behind line $said: $(polyaxon ops get -uid "$endless")"
    is running "$endless" >"$work/output" || fail "a build goes on after $1: $(cat "$work/output")"
    [ "$(jobs_of "$endless")" = "$job" ] || fail "a build has one Job after $1, $job: $(jobs_of "$endless")"
    ok "a build goes on, in its one Job, after $1"
}
no_job() {
    [ -z "$(jobs_of "$1")" ]
}
# policy_selects ID: the NetworkPolicy of runs, as the release has it, selects the pod of a run that goes on.
policy_selects() {
    local labels
    labels=$(all_namespaces --namespace "$runs" get networkpolicy polyaxon-agent-runs --output json |
        jq --exit-status --raw-output '.spec.podSelector.matchLabels | to_entries | map("\(.key)=\(.value)") | join(",") | select(. != "")') || return 1
    all_namespaces --namespace "$runs" get pods --selector "$labels" --field-selector status.phase=Running --output json |
        jq --exit-status --arg run "$1" '.items | any(.metadata.labels["operation.polyaxon.com/uuid"] == $run)'
}

# builds_outlive_agents_and_hub HUB-SETTING...: of two agents the one that leads is taken away, in every way that there is, and the
# hub is rolled out with the settings and another annotation; a build ends well meanwhile, and another one is stopped in the end.
builds_outlive_agents_and_hub() {
    local ending endless run job another leader='' before follower seconds how
    ending=$(queue ending 'for i in $(seq 100 159); do echo line $i; sleep 1; done')
    endless=$(queue endless 'for i in $(seq 100 999); do echo line $i; sleep 1; done')
    for run in "$ending" "$endless"; do
        eventually 60 is running "$run" || fail "a build is running: $(cat "$work/output")"
        eventually 20 policy_selects "$run" || fail "the NetworkPolicy of runs selects the pod of a build: $(cat "$work/output")"
    done
    ok "the NetworkPolicy of runs selects the pods of builds"
    polyaxon ops logs -uid "$ending" --raw >"$work/followed" 2>"$work/follower" &
    follower=$!
    forwards+=("$follower")
    job=$(jobs_of "$endless")
    eventually 20 leads '' || fail "an agent leads"
    before=$leader
    install_agent --set config.maxRuns=3,replicas=2
    leads '' || leader=nobody
    [ "$leader" = "$before" ] || fail "a second agent does not take the place of the first: $leader, before $before"
    eventually 30 another_says "$leader" 'another agent leads, waiting' || fail "a second agent stands by: $(pods_of_agent)"
    kubectl get poddisruptionbudget polyaxon-agent >/dev/null || fail "two agents have a PodDisruptionBudget"
    ok "a second agent stands by"
    is running "$ending" >"$work/output" || fail "the build that ends goes on: $(cat "$work/output")"

    for how in '' '--grace-period=0 --force'; do
        before=$leader seconds=$SECONDS
        # shellcheck disable=SC2086 # flags
        kubectl delete pod "$leader" $how >/dev/null 2>&1
        eventually 60 leads "$before" || fail "another agent leads after \`kubectl delete pod $how\`: $(pods_of_agent)"
        goes_on "another agent leads, $((SECONDS - seconds)) s after \`kubectl delete pod${how:+ $how}\`"
    done
    if [ "${POLYAXON_E2E_CLUSTER-}" = testbed ]; then
        seconds=$SECONDS
        crash "$leader" || fail "the agent of $leader is a process of this machine"
        eventually 60 restarted "$leader" || fail "an agent that was killed is ready again: $(kubectl get pods)"
        goes_on "an agent was killed, and is ready $((SECONDS - seconds)) s later"
    fi

    before=$(kubectl get pod polyaxon-hub-0 --output jsonpath='{.metadata.uid}') seconds=$SECONDS
    install_hub "$@" --set-string podAnnotations.rollout=another
    [ "$(kubectl get pod polyaxon-hub-0 --output jsonpath='{.metadata.uid}')" != "$before" ] || fail "another annotation makes another pod"
    forward
    goes_on "Helm has rolled out the hub in $((SECONDS - seconds)) s"

    eventually 120 is succeeded "$ending" || fail "the build ends well: $(cat "$work/output"; polyaxon ops get -uid "$ending")"
    wait "$follower" || fail "who follows a log sees its end: $(cat "$work/follower")"
    whole "$work/followed" 159 || fail "who follows a log sees each line once: $(cat "$work/followed")"
    polyaxon ops logs -uid "$ending" -nf --raw >"$work/log"
    whole "$work/log" 159 || fail "no line of its log is lost or doubled: $(cat "$work/log")"
    ended_once "$ending" >"$work/output" || fail "a build ends once: $(polyaxon ops statuses -uid "$ending")"
    polyaxon ops get -uid "$ending" -o json | jq --exit-status .build.confirmed >/dev/null || fail "its digest is confirmed: $(polyaxon ops get -uid "$ending")"
    ok "a build ended once meanwhile, and its log is whole, also for who followed it"

    polyaxon ops stop -uid "$endless" -y >"$work/output" 2>&1 || fail "a build is stopped: $(cat "$work/output")"
    eventually 30 is stopped "$endless" || fail "a build is stopped: $(cat "$work/output"; polyaxon ops get -uid "$endless")"
    polyaxon ops logs -uid "$endless" -nf --raw >"$work/log"
    whole "$work/log" "$(last_line "$endless")" || fail "no line of a build that was stopped is lost or doubled: $(cat "$work/log")"
    ended_once "$endless" >"$work/output" || fail "a build that is stopped ends once: $(polyaxon ops statuses -uid "$endless")"
    for run in "$ending" "$endless"; do
        eventually 60 no_job "$run" || fail "a build that has ended leaves no Job: $(all_namespaces --namespace "$runs" get jobs)"
    done
    ok "a build that went on all the while is stopped, and its log is whole"
}

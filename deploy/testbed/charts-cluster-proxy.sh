# shellcheck shell=bash
# A proxy of charts-cluster-test.sh, which reads this with `source`.
# shellcheck disable=SC2154 # variables are of those who read this file
# shellcheck disable=SC2016 # a Dockerfile's shell expands it

# A proxy that ends TLS and speaks gRPC with the hub, as an Ingress of nginx does with the documented annotations. None of them says
# how long a client may be silent in its request, as an agent is that has no log to send: there it is cut off after a minute.
proxy() {
    local address
    address=$(kubectl get service polyaxon-hub --output jsonpath='{.spec.clusterIP}')
    proxy=$POLYAXON_E2E_CLUSTER_GATEWAY:$(free_port)
    openssl req -x509 "${new_key[@]}" -CA "$work/ca.crt" -CAkey "$work/ca.key" -keyout "$work/proxy.key" -out "$work/proxy.crt" -subj /CN=proxy \
        -addext basicConstraints=critical,CA:FALSE -addext "subjectAltName=IP:$POLYAXON_E2E_CLUSTER_GATEWAY" 2>/dev/null
    mkdir "$work/nginx"
    cat >"$work/nginx/nginx.conf" <<CONF
user root;
daemon off;
pid $work/nginx/pid;
error_log $work/nginx/error.log;
events {}
http {
    access_log $work/nginx/access.log;
    client_body_temp_path $work/nginx/body; proxy_temp_path $work/nginx/proxy; fastcgi_temp_path $work/nginx/fastcgi;
    uwsgi_temp_path $work/nginx/uwsgi; scgi_temp_path $work/nginx/scgi;
    server {
        listen $proxy ssl http2;
        ssl_certificate $work/proxy.crt;
        ssl_certificate_key $work/proxy.key;
        client_max_body_size 0;
        client_body_timeout 3s;
        location / {
            grpc_pass grpcs://$address:8000;
            grpc_ssl_verify on;
            grpc_ssl_trusted_certificate $work/ca.crt;
            grpc_ssl_name polyaxon-hub.$system.svc;
            grpc_read_timeout 3600s;
            grpc_send_timeout 3600s;
        }
    }
}
CONF
    nginx -e stderr -c "$work/nginx/nginx.conf" 2>"$work/nginx/stderr" &
    forwards+=($!)
    host=https://$proxy
    eventually 20 polyaxon login --host "$host" --token "$(cat "$work/admin.token")" || fail "login through a proxy: $(cat "$work/output" "$work/nginx/stderr")"
}
# Agent and command line go through the proxy from here on.
builds_behind_a_proxy() {
    command -v nginx >/dev/null || fail "\`nginx\` is missing: deploy/testbed/install.sh cluster"
    proxy
    install_agent --set config.maxRuns=3 --set "hub.url=$host"
    eventually 60 agent_ready || fail "the agent is ready behind a proxy: $(cat "$work/output")"
    # More than a proxy takes as one body unless it is told.
    id=$(queue behind-a-proxy 'echo begun; sleep 8; i=0; while [ $i -lt 30000 ]; do echo $i of a log that is larger than one mebibyte; i=$((i + 1)); done; sleep 5') ||
        fail "the hub takes a run through a proxy"
    eventually 60 is running "$id" || fail "a build behind a proxy is running: $(cat "$work/output")"
    polyaxon ops logs -uid "$id" -nf --raw >"$work/before" || fail "a log is read through a proxy"
    polyaxon ops logs -uid "$id" --raw >"$work/log" 2>"$work/output" || fail "a log is followed through a proxy: $(cat "$work/output")"
    eventually 60 is succeeded "$id" || fail "a build behind a proxy ends well: $(cat "$work/output"; polyaxon ops get -uid "$id")"
    [ "$(grep --only-matching --extended-regexp '[0-9]+ of a log that is larger' "$work/log")" = "$(seq --format='%.0f of a log that is larger' 0 29999)" ] ||
        fail "no line is lost or doubled behind a proxy"
    # nginx writes a line about a call when it is over.
    silent=$(grep --count 'Agent/PushLogs' "$work/nginx/access.log") || fail "the proxy cut off an agent that was silent: $(cat "$work/nginx/access.log")"
    ok "agent and command line work through a proxy with TLS, which cut off the agent $silent times"
}

#!/usr/bin/env bash
# Certificates and kubeconfig files of the testbed's cluster; made once per testbed
# and version of this script.
#
#   deploy/testbed/cluster-pki.sh
set -euo pipefail
# shellcheck source-path=SCRIPTDIR source=cluster-settings.sh
source "$(dirname "$0")/cluster-settings.sh"

version=$(sha256sum <"$0")
[ "$(cat "$pki/version" 2>/dev/null)" != "$version" ] || exit 0
umask 077
rm -rf "$pki"
mkdir -p "$pki"
cd "$pki"

key() {
    openssl ecparam -name prime256v1 -genkey -noout -out "$1.key"
}
# certificate NAME SUBJECT EXTENSIONS: signed by the cluster's authority.
certificate() {
    key "$1"
    openssl req -new -key "$1.key" -subj "$2" | openssl x509 -req -CA ca.crt -CAkey ca.key -CAcreateserial \
        -days 3650 -extfile <(printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n%s\n' "$3") -out "$1.crt" 2>/dev/null
}
server() {
    certificate "$1" "/CN=$1" "$(printf 'extendedKeyUsage=serverAuth\nsubjectAltName=%s' "$2")"
}
# client NAME USER [GROUP]
client() {
    certificate "$1" "${3:+/O=$3}/CN=$2" extendedKeyUsage=clientAuth
}
encoded() {
    base64 --wrap=0 "$1"
}
# Everything is in the file, so that it can be copied.
kubeconfig_of() {
    cat >"$cluster_dir/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: testbed
contexts: [{name: testbed, context: {cluster: testbed, user: $1}}]
clusters: [{name: testbed, cluster: {server: "$api_server", certificate-authority-data: $(encoded ca.crt)}}]
users: [{name: $1, user: {client-certificate-data: $(encoded "$1.crt"), client-key-data: $(encoded "$1.key")}}]
YAML
}

key ca
openssl req -x509 -new -key ca.key -days 3650 -subj /CN=polyaxon-testbed -out ca.crt \
    -addext 'basicConstraints=critical,CA:TRUE' -addext 'keyUsage=critical,keyCertSign,cRLSign,digitalSignature'
server apiserver "IP:$gateway,IP:${service_network%.*}.1,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc"
server kubelet-server "IP:$gateway,DNS:$node"
server registry "IP:$gateway,DNS:registry.test"
client apiserver-to-kubelet kube-apiserver system:masters
key service-accounts
openssl ec -in service-accounts.key -pubout -out service-accounts.pub 2>/dev/null

while read -r name user group; do
    client "$name" "$user" "$group"
    kubeconfig_of "$name"
done <<LIST
admin admin system:masters
controller-manager system:kube-controller-manager
scheduler system:kube-scheduler
kubelet system:node:$node system:nodes
proxy system:kube-proxy
dns testbed:dns
LIST

password=$(openssl rand -hex 16)
echo "testbed:$password" >"$cluster_dir/registry.credentials"
htpasswd -Bin testbed <<<"$password" >"$pki/registry.htpasswd" 2>/dev/null
echo "$version" >version

#!/usr/bin/env bash
# Renders the charts into the bases of this folder, for clusters that are kept with Kustomize.
#
#   deploy/kustomize/render.sh             writes `hub/hub.yaml` and `agent/agent.yaml`
#   deploy/kustomize/render.sh --check     fails where they are not what the charts give
#
# HELM is the program (default: that of deploy/testbed/cluster-binaries.sh).
set -euo pipefail
cd "$(dirname "$(realpath "$0")")"

case ${1-} in
    '' | --check) check=${1-} ;;
    *)
        echo "render: give nothing, or \`--check\`" >&2
        exit 2
        ;;
esac
helm=${HELM:-$(../testbed/cluster-binaries.sh helm)/helm}

# What only Helm needs goes away: its labels, and the sum that restarts an agent whose file changes.
render() {
    "$helm" template "polyaxon-$1" "../helm/polyaxon-$1" --namespace polyaxon --set "image.repository=polyaxon-$1" "${@:2}" |
        sed -e '/^ *helm.sh\/chart: /d' -e '/^ *app.kubernetes.io\/managed-by: Helm$/d' -e '/^# Source: /d' |
        sed --null-data -E 's/\n *annotations:\n *# It reads its file at the start.\n *checksum\/config: [0-9a-f]+//'
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
render hub --set tls.secretName=polyaxon-hub-tls >"$work/hub.yaml"
render agent --set hub.url=https://polyaxon-hub.polyaxon.svc:8000 --set hub.ca.configMap=polyaxon-hub-ca \
    --set podImage=polyaxon-pod:latest >"$work/agent.yaml"
for name in hub agent; do
    if [ -z "$check" ]; then
        mv "$work/$name.yaml" "$name/$name.yaml"
    elif ! diff --unified "$name/$name.yaml" "$work/$name.yaml" >&2; then
        echo "render: \`deploy/kustomize/$name/$name.yaml\` is not what the chart gives: run deploy/kustomize/render.sh" >&2
        exit 1
    fi
done

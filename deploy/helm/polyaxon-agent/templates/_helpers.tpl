{{- define "polyaxon-agent.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "polyaxon-agent.fullname" -}}
{{- $name := include "polyaxon-agent.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "polyaxon-agent.selector" -}}
app.kubernetes.io/name: {{ include "polyaxon-agent.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "polyaxon-agent.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "polyaxon-agent.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: polyaxon
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "polyaxon-agent.image" -}}
{{- $repository := required "`image.repository` is empty: no public registry has the image, build it as deploy/images/README.md says and name it" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- /* agent.yaml: what `config` says, over what the chart knows itself. */ -}}
{{- define "polyaxon-agent.config" -}}
{{- $kubernetes := dict "name" (include "polyaxon-agent.fullname" .) -}}
{{- with .Values.podImage -}}
{{- $_ := set $kubernetes "podImage" . -}}
{{- end -}}
{{- $own := dict "namespace" .Release.Namespace "executor" (dict "kubernetes" $kubernetes) -}}
{{- mustMergeOverwrite $own (deepCopy .Values.config) | toYaml -}}
{{- end -}}

{{- /* What single values cannot say. */ -}}
{{- define "polyaxon-agent.check" -}}
{{- if not .Values.hub.url -}}
{{- fail "`hub.url` is empty: give the address of the hub, as `https://hub.example.org`" -}}
{{- end -}}
{{- $config := include "polyaxon-agent.config" . | fromYaml -}}
{{- if not (or .Values.podImage (dig "executor" "kubernetes" "podImage" "" $config)) -}}
{{- fail "`podImage` is empty: no public registry has the image, build it as deploy/images/README.md says and name it" -}}
{{- end -}}
{{- if hasKey $config "engine" -}}
{{- fail "`config.engine` is for agents beside a container engine: this chart runs on Kubernetes" -}}
{{- end -}}
{{- end -}}

{{- /* Namespaces of runs, as a JSON list: the agent's own first. */ -}}
{{- define "polyaxon-agent.namespaces" -}}
{{- $config := include "polyaxon-agent.config" . | fromYaml -}}
{{- prepend ($config.additionalNamespaces | default list) $config.namespace | uniq | toJson -}}
{{- end -}}

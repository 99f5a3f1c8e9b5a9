{{- define "polyaxon-hub.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "polyaxon-hub.fullname" -}}
{{- $name := include "polyaxon-hub.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "polyaxon-hub.selector" -}}
app.kubernetes.io/name: {{ include "polyaxon-hub.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "polyaxon-hub.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{ include "polyaxon-hub.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/part-of: polyaxon
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end -}}

{{- define "polyaxon-hub.image" -}}
{{- $repository := required "`image.repository` is empty: no public registry has the image, build it as deploy/images/README.md says and name it" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "polyaxon-hub.scheme" -}}
{{- if .Values.tls.secretName }}https{{ else }}http{{ end -}}
{{- end -}}

{{- /* What single values cannot say. */ -}}
{{- define "polyaxon-hub.check" -}}
{{- if and .Values.tls.secretName .Values.tls.insecureBehindProxy -}}
{{- fail "`tls.secretName` and `tls.insecureBehindProxy` exclude each other: give one" -}}
{{- end -}}
{{- if not (or .Values.tls.secretName .Values.tls.insecureBehindProxy) -}}
{{- fail "tokens would cross the network in the clear: give `tls.secretName`, or `tls.insecureBehindProxy=true` if a proxy with TLS stands in front" -}}
{{- end -}}
{{- if and .Values.ingress.enabled (not .Values.ingress.host) -}}
{{- fail "`ingress.enabled` wants `ingress.host`" -}}
{{- end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "`httpRoute.enabled` wants `httpRoute.parentRefs`, the gateways that serve it" -}}
{{- end -}}
{{- end -}}

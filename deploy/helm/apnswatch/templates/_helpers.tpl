{{- define "apnswatch.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* 52 characters, so that the longest suffix fits into the 63 of a name. */ -}}
{{- define "apnswatch.fullname" -}}
{{- $name := include "apnswatch.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 52 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 52 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 52 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "apnswatch.selector" -}}
app.kubernetes.io/name: {{ include "apnswatch.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "apnswatch.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{ include "apnswatch.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "apnswatch.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "apnswatch.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "apnswatch.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "apnswatch.hasOwnConfig" -}}
{{- if not (or .Values.existingConfig.secret .Values.existingConfig.configMap) -}}yes{{- end -}}
{{- end -}}

{{- /* Whether the store is a file on a volume that outlives the pod. */ -}}
{{- define "apnswatch.isPersistent" -}}
{{- $remembers := or (not (include "apnswatch.hasOwnConfig" .)) (ne .Values.config.store "sqlite::memory:") -}}
{{- if and .Values.persistence.enabled $remembers -}}yes{{- end -}}
{{- end -}}

{{- /* The port that the kubelet asks. */ -}}
{{- define "apnswatch.healthPort" -}}
{{- if .Values.web.webConfig.existingSecret -}}health{{- else -}}web{{- end -}}
{{- end -}}

{{- /* The file that the daemon reads. */ -}}
{{- define "apnswatch.config" -}}
{{- $config := deepCopy .Values.config -}}
{{- $web := default dict $config.web -}}
{{- $_ := set $web "listen" (printf "0.0.0.0:%d" (int .Values.web.port)) -}}
{{- if .Values.web.webConfig.existingSecret -}}
{{- $_ := set $web "config_file" (printf "/run/web-config/%s" .Values.web.webConfig.key) -}}
{{- $_ := set $web "health_listen" (printf "0.0.0.0:%d" (int .Values.web.healthPort)) -}}
{{- end -}}
{{- $name := include "apnswatch.fullname" . -}}
{{- $service := list $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) -}}
{{- $_ := set $web "allowed_hosts" (concat (default list $web.allowed_hosts) $service | uniq) -}}
{{- $_ := set $config "web" $web -}}
{{- /* A key without a value means the same as none. */ -}}
{{- range $key, $value := $config -}}
{{- if kindIs "invalid" $value -}}{{- $_ := unset $config $key -}}{{- end -}}
{{- end -}}
{{- range $key, $value := $web -}}
{{- if kindIs "invalid" $value -}}{{- $_ := unset $web $key -}}{{- end -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{- /* What the schema cannot say in words that help. Every refusal names what would be right. */ -}}
{{- define "apnswatch.check" -}}
{{- if and .Values.existingConfig.secret .Values.existingConfig.configMap -}}
{{- fail "existingConfig: name a secret or a configMap, not both" -}}
{{- end -}}
{{- if include "apnswatch.hasOwnConfig" . -}}
{{- range $key := list "listen" "health_listen" "config_file" -}}
{{- if hasKey (default dict $.Values.config.web) $key -}}
{{- fail (printf "config.web.%s is written by the chart: use web.port, web.healthPort and web.webConfig" $key) -}}
{{- end -}}
{{- end -}}
{{- if and (kindIs "map" .Values.config.probe) (not .Values.config.site) -}}
{{- fail "config.probe needs config.site: probes speak for one place in the network, so give it a name" -}}
{{- end -}}
{{- else if gt (len .Values.config.tenants) 0 -}}
{{- fail "config.tenants would not be read, because existingConfig is set: write them into that, or leave existingConfig out" -}}
{{- end -}}
{{- if and .Values.web.webConfig.existingSecret (eq (int .Values.web.port) (int .Values.web.healthPort)) -}}
{{- fail "web.healthPort must be another port than web.port" -}}
{{- end -}}
{{- with .Values.serviceMonitor -}}
{{- if and .enabled $.Values.web.webConfig.existingSecret (eq .scheme "http") (not .basicAuth) -}}
{{- fail "serviceMonitor: web.webConfig asks for TLS or a login, so set serviceMonitor.scheme to https with tlsConfig, or basicAuth, or both" -}}
{{- end -}}
{{- end -}}
{{- if and (not .Values.serviceAccount.create) .Values.serviceAccount.annotations -}}
{{- fail "serviceAccount.annotations need serviceAccount.create" -}}
{{- end -}}
{{- end -}}

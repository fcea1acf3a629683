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

{{- /* Whether the store is a database, which several pods can share. What stands in existingConfig cannot be seen, and is
said beside it. */ -}}
{{- define "apnswatch.isShared" -}}
{{- if include "apnswatch.hasOwnConfig" . -}}
{{- if hasPrefix "postgres" .Values.config.store -}}yes{{- end -}}
{{- else if eq .Values.existingConfig.store "postgres" -}}yes{{- end -}}
{{- end -}}

{{- /* Whether the store is a file on a volume that outlives the pod. */ -}}
{{- define "apnswatch.isPersistent" -}}
{{- $remembers := or (not (include "apnswatch.hasOwnConfig" .)) (ne .Values.config.store "sqlite::memory:") -}}
{{- if and .Values.persistence.enabled $remembers (not (include "apnswatch.isShared" .)) -}}yes{{- end -}}
{{- end -}}

{{- define "apnswatch.hasCa" -}}
{{- if or .Values.postgres.ca.secret .Values.postgres.ca.configMap -}}yes{{- end -}}
{{- end -}}

{{- /* The address of the store, with the files that the chart mounts for it. */ -}}
{{- define "apnswatch.store" -}}
{{- $files := list -}}
{{- if .Values.postgres.password.existingSecret -}}
{{- $files = append $files "password_file=/run/postgres/password" -}}
{{- end -}}
{{- if include "apnswatch.hasCa" . -}}
{{- $files = append $files "sslrootcert=/run/postgres-ca/ca.crt" -}}
{{- end -}}
{{- $store := .Values.config.store -}}
{{- if $files -}}
{{- $store = printf "%s%s%s" $store (contains "?" $store | ternary "&" "?") (join "&" $files) -}}
{{- end -}}
{{- $store -}}
{{- end -}}

{{- /* The port of the database. */ -}}
{{- define "apnswatch.databasePort" -}}
{{- if include "apnswatch.hasOwnConfig" . -}}
{{- $port := regexReplaceAll "^postgres(ql)?://[^/?#@]*@[^/?#]*?(:([0-9]+))?/.*$" .Values.config.store "${3}" -}}
{{- default "5432" $port -}}
{{- else -}}
{{- int .Values.existingConfig.databasePort -}}
{{- end -}}
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
{{- $_ := set $config "store" (include "apnswatch.store" .) -}}
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
{{- include "apnswatch.checkStore" . -}}
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

{{- /* The same of the store. No sentence repeats the address: a password may stand in a wrong one. */ -}}
{{- define "apnswatch.checkStore" -}}
{{- $store := .Values.config.store -}}
{{- $form := "postgres://USER@HOST/DATABASE?sslmode=verify-full" -}}
{{- $isOwn := include "apnswatch.hasOwnConfig" . -}}
{{- if and $isOwn (eq .Values.existingConfig.store "postgres") -}}
{{- fail "existingConfig.store says what stands in existingConfig, which is not set: write config.store instead" -}}
{{- end -}}
{{- if and (include "apnswatch.isShared" .) (not $isOwn) -}}
{{- if or .Values.postgres.password.existingSecret (include "apnswatch.hasCa" .) -}}
{{- fail "postgres would not be used: existingConfig names the files of its store itself, such as those of existingSecrets" -}}
{{- end -}}
{{- if .Values.persistence.existingClaim -}}
{{- fail "persistence.existingClaim would not be used: existingConfig.store is postgres" -}}
{{- end -}}
{{- else if include "apnswatch.isShared" . -}}
{{- if regexMatch "^postgres(ql)?://[^/?#@]*:[^@]*@" $store -}}
{{- fail "config.store must not have the password in it: put it into a Secret and name that in postgres.password.existingSecret" -}}
{{- end -}}
{{- if not (regexMatch "^postgres(ql)?://[^/?#@]+@[^/?#@]+/[^/?#]+([?][^#]*)?$" $store) -}}
{{- fail (printf "config.store must have user, host and database: %s" $form) -}}
{{- end -}}
{{- if not (regexMatch "[?&]sslmode=" $store) -}}
{{- fail "config.store must say how the server is known: sslmode=verify-full (or disable, in a network that you trust)" -}}
{{- end -}}
{{- if and .Values.postgres.password.existingSecret (regexMatch "[?&]password_file=" $store) -}}
{{- fail "config.store names a password_file, and postgres.password a Secret: leave one of them out" -}}
{{- end -}}
{{- if include "apnswatch.hasCa" . -}}
{{- if and .Values.postgres.ca.secret .Values.postgres.ca.configMap -}}
{{- fail "postgres.ca: name a secret or a configMap, not both" -}}
{{- end -}}
{{- if regexMatch "[?&]sslrootcert=" $store -}}
{{- fail "config.store names an sslrootcert, and postgres.ca another one: leave one of them out" -}}
{{- end -}}
{{- if not (regexMatch "[?&]sslmode=verify-(full|ca)(&|$)" $store) -}}
{{- fail "postgres.ca proves nothing without sslmode=verify-full in config.store" -}}
{{- end -}}
{{- end -}}
{{- if .Values.persistence.existingClaim -}}
{{- fail "persistence.existingClaim would not be used: config.store is on PostgreSQL" -}}
{{- end -}}
{{- else -}}
{{- $why := printf "config.store is not on PostgreSQL (%s)" $form -}}
{{- if not $isOwn -}}
{{- $why = "the chart cannot see the store within existingConfig: if that is on PostgreSQL, set existingConfig.store to postgres" -}}
{{- end -}}
{{- if gt (int .Values.replicas) 1 -}}
{{- fail (printf "replicas: several need a database that they share, and %s" $why) -}}
{{- end -}}
{{- if or .Values.postgres.password.existingSecret (include "apnswatch.hasCa" .) -}}
{{- fail (printf "postgres would not be used: %s" $why) -}}
{{- end -}}
{{- end -}}
{{- end -}}

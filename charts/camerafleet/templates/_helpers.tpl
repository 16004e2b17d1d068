{{/* What selects the operator's pods. */}}
{{- define "camerafleet.selector" -}}
app.kubernetes.io/name: camerafleet
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{/* On every object. */}}
{{- define "camerafleet.labels" -}}
{{ include "camerafleet.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: camerafleet
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{/* The image's reference, for the operator itself and for what it starts. */}}
{{- define "camerafleet.image" -}}
{{- $image := .Values.image -}}
{{- $repository := required "image.repository is missing: say where the image is, for instance --set image.repository=registry.example.com/camerafleet" $image.repository -}}
{{- $tag := $image.tag | default (ternary "" .Chart.AppVersion (ne $image.digest "")) -}}
{{- $repository }}{{ with $tag }}:{{ . }}{{ end }}{{ with $image.digest }}@{{ . }}{{ end }}
{{- end }}

{{/* Where Vault is. */}}
{{- define "camerafleet.vaultAddress" -}}
{{- required "vault.address is missing: say where Vault is, for instance --set vault.address=https://vault.example.com:8200" .Values.vault.address -}}
{{- end }}

{{/* The volume source with Vault's certificate authority; nothing if it is a public one. */}}
{{- define "camerafleet.vaultCa" -}}
{{- $vault := .Values.vault -}}
{{- $given := compact (list $vault.caPem $vault.caBundle.configMapName $vault.caBundle.secretName) -}}
{{- if gt (len $given) 1 -}}
{{- fail "Vault's certificate authority is given more than once: choose one of vault.caPem, vault.caBundle.configMapName and vault.caBundle.secretName" -}}
{{- end -}}
{{- $items := printf "items: [{key: %q, path: ca.crt}]" $vault.caBundle.key -}}
{{- if $vault.caPem -}}
configMap:
  name: camerafleet-vault-ca
  items: [{key: ca.crt, path: ca.crt}]
{{- else if $vault.caBundle.configMapName -}}
configMap:
  name: {{ $vault.caBundle.configMapName }}
  {{ $items }}
{{- else if $vault.caBundle.secretName -}}
secret:
  secretName: {{ $vault.caBundle.secretName }}
  {{ $items }}
{{- end -}}
{{- end }}

{{/* What both the operator and `vault-setup` get to reach Vault. */}}
{{- define "camerafleet.vaultEnv" -}}
- name: VAULT_ADDR
  value: {{ include "camerafleet.vaultAddress" . | quote }}
{{- with .Values.vault.namespace }}
- name: VAULT_NAMESPACE
  value: {{ . | quote }}
{{- end }}
{{- if include "camerafleet.vaultCa" . }}
- name: VAULT_CACERT
  value: /etc/camerafleet/vault-ca/ca.crt
{{- end }}
{{- end }}

{{- define "camerafleet.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "camerafleet.containerSecurityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* A rule of a network policy: to these addresses; where none are declared, to these ports everywhere. */}}
{{- define "camerafleet.egress" -}}
{{- if .cidrs -}}
- to:
    {{- range .cidrs }}
    - ipBlock:
        cidr: {{ . }}
    {{- end }}
{{- else -}}
- ports:
    {{- range .ports }}
    - protocol: TCP
      port: {{ . }}
    {{- end }}
{{- end -}}
{{- end }}

{{/* The port of a URL. */}}
{{- define "camerafleet.port" -}}
{{- $url := urlParse . -}}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" -}}
{{- $port | default (ternary "80" "443" (eq $url.scheme "http")) -}}
{{- end }}

{{/* Metadata of a member's ClusterRole; called with the root and the role's name: (list $ "owner"). */}}
{{- define "camerafleet-crds.member" -}}
{{- $root := index . 0 -}}
name: camerafleet-member-{{ index . 1 }}
labels:
  app.kubernetes.io/name: camerafleet
  app.kubernetes.io/component: member-roles
  app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
  app.kubernetes.io/part-of: camerafleet
  helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}

{{/* What all admission policies, and what proves them, carry below metadata; called with the root. */}}
{{- define "camerafleet-crds.policy" -}}
labels:
  app.kubernetes.io/name: camerafleet
  app.kubernetes.io/component: admission
  app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  app.kubernetes.io/part-of: camerafleet
  helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
annotations:
  helm.sh/resource-policy: keep
{{- end }}

{{/* A GPU that is requested is a GPU that is the limit: Kubernetes wants both to be equal. */}}
{{- define "caravan.resources" -}}
{{- $resources := deepCopy .Values.resources -}}
{{- $gpu := index $resources.requests "nvidia.com/gpu" -}}
{{- if $gpu -}}
{{- $_ := set $resources "limits" (merge (dict "nvidia.com/gpu" $gpu) $resources.limits) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{/* Whether a worker gets a GPU: whoever requests one gets the image, node and limit that go with it. */}}
{{- define "caravan.gpu" -}}
{{- if index .Values.resources.requests "nvidia.com/gpu" -}}yes{{- end -}}
{{- end -}}

{{/* cpu or gpu: the image of the workers. */}}
{{- define "caravan.flavour" -}}
{{- if ne .Values.image.workerFlavour "auto" -}}
{{- .Values.image.workerFlavour -}}
{{- else -}}
{{- ternary "gpu" "cpu" (eq (include "caravan.gpu" .) "yes") -}}
{{- end -}}
{{- end -}}

{{/* A GPU that is requested is a GPU that is the limit: Kubernetes wants both to be equal. */}}
{{- define "caravan.resources" -}}
{{- $resources := deepCopy .Values.resources -}}
{{- $gpu := index $resources.requests "nvidia.com/gpu" -}}
{{- if $gpu -}}
{{- $_ := set $resources "limits" (merge (dict "nvidia.com/gpu" $gpu) $resources.limits) -}}
{{- end -}}
{{- toYaml $resources -}}
{{- end -}}

{{- define "caravan.nodeSelector" -}}
{{- if and (include "caravan.gpu" .) (not .Values.nodeSelector) -}}
{{- toYaml (dict "nvidia.com/gpu.present" "true") -}}
{{- else -}}
{{- toYaml .Values.nodeSelector -}}
{{- end -}}
{{- end -}}

{{- define "caravan.tolerations" -}}
{{- if and (include "caravan.gpu" .) (not .Values.tolerations) -}}
{{- toYaml (list (dict "key" "nvidia.com/gpu" "operator" "Exists" "effect" "NoSchedule")) -}}
{{- else -}}
{{- toYaml .Values.tolerations -}}
{{- end -}}
{{- end -}}

{{/* Jobs for one pod; the block of an older service, customMetrics, says it as averageValue. */}}
{{- define "caravan.jobsPerPod" -}}
{{- $jobs := .Values.autoscaling.jobsPerPod -}}
{{- range .Values.autoscaling.customMetrics -}}
{{- $jobs = .pods.target.averageValue -}}
{{- end -}}
{{- $jobs | toString | quote -}}
{{- end -}}

{{/* With a Prometheus to ask, a busy GPU asks for one pod more. */}}
{{- define "caravan.gpuTerm" -}}
{{- if .Values.autoscaling.prometheus }} + ((gpu ?? 0) > 90 ? {{ include "caravan.jobsPerPod" . | trimAll "\"" }} : 0){{ end -}}
{{- end -}}

{{- define "caravan.fallback" -}}
{{- ternary "scalingModifiers" "currentReplicasIfHigher" (ne .Values.autoscaling.prometheus "") -}}
{{- end -}}

{{- define "caravan.gpuTrigger" -}}
{{- if .Values.autoscaling.prometheus -}}
- type: prometheus
  name: gpu
  metadata:
    serverAddress: {{ .Values.autoscaling.prometheus }}
    query: avg(llama_gpu_utilization_ratio) * 100
    threshold: "90"
    ignoreNullValues: "false"
{{- end -}}
{{- end -}}

{{/* A setting as text: a whole number without an exponent. */}}
{{- define "caravan.setting" -}}
{{- if kindIs "float64" . -}}
{{- if eq . (floor .) }}{{ int64 . | toString | quote }}{{ else }}{{ . | toString | quote }}{{ end -}}
{{- else -}}
{{- . | toString | quote -}}
{{- end -}}
{{- end -}}

{{/* What stands before the paths in webhooks: as it was said, or the Ingress' address. */}}
{{- define "caravan.publicUrl" -}}
{{- $own := ternary (printf "https://%s" .Values.ingress.host) "" .Values.ingress.enabled -}}
{{- get .Values.settings "PUBLIC_URL" | default $own -}}
{{- end -}}

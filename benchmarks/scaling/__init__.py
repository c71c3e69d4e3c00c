"""What KEDA and the HPA would do with keda/inference.yaml, played through on paper."""

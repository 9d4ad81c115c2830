"""A real Kubernetes API on this machine: kube-apiserver and etcd as plain processes, without containers or nodes.

It is what `envtest` of the Kubernetes project starts, too: all of the API, its admission, its schemas and its watches,
and nobody who runs pods or collects garbage. `python -m dev.kubernetes` (`make env-kubernetes`) sees to the programs.
"""

"""FedLCM v0.3.0 in memory, with its traps: ``deploy_apis.md``, 3.1, says where each of them was read in its source.

Its own seconds are short (:attr:`FakeFedlcm.pace`). It has one Kubernetes, of which it knows namespaces alone.
"""

from .server import PASSWORD, FakeFedlcm

__all__ = ["PASSWORD", "FakeFedlcm"]

"""The site portal of FedLCM v0.3.0 in memory, with its traps: ``deploy_apis.md``, 3.2. Tests play the other sites."""

from .server import PASSWORD, FakeSitePortal

__all__ = ["PASSWORD", "FakeSitePortal"]

"""KubeFATE v1.4.5 in memory, with its traps: ``deploy_apis.md`` says where each of them was seen.

Its own seconds are short (:attr:`FakeKubefate.pace`); its work goes on only while it is asked, which nobody can tell.
"""

from .server import FakeKubefate

__all__ = ["FakeKubefate"]

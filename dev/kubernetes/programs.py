"""Where the programs of a Kubernetes API server are: given by the user, kept from last time, or built now."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from platformdirs import user_cache_path

from dev.kubernetes.build import RELEASE, KubernetesError, build

GIVEN = "KUBEBUILDER_ASSETS"
"""Environment variable that names a folder with both programs: the convention of `setup-envtest`."""
PROGRAMS = ("kube-apiserver", "etcd")


def cached() -> Path:
    """Where they are kept once they were built."""
    return user_cache_path("airflow-provider-fate") / "kubernetes" / RELEASE


def found(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder that has them, if there is one.

    :raises KubernetesError: the user has named a folder that does not have them.
    """
    if given := environ.get(GIVEN):
        if missing := [name for name in PROGRAMS if not os.access(Path(given) / name, os.X_OK)]:
            raise KubernetesError(f"{GIVEN}={given}: there is no {' and no '.join(missing)} that can be run.")
        return Path(given)
    return cached() if all(os.access(cached() / name, os.X_OK) for name in PROGRAMS) else None


def programs(say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder that has them; they are built if need be, by one process at a time.

    :param say: is told what happens.
    :raises KubernetesError: they are not there, and cannot be built here.
    """
    if (folder := found()) is not None:
        return folder
    with _only_one(cached()):
        if (folder := found()) is not None:  # made by another process meanwhile
            return folder
        build(cached(), say)
    return cached()


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

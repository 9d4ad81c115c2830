"""Runs first in every Python of a local FATE: the server and each of the workers that FATE-Flow starts.

A ``.pth`` file of the installation imports this module when ``FATE_LOCAL_INSTANCE`` is set (and only then), so that one
installation serves many instances: FATE-Flow has exactly one ``settings.py`` per installed package, and this gives
every instance its own values without a byte of the package changing.

Must stay quick to import (each worker pays for it), must not need anything that is not built into Python >= 3.9, and
must never break a worker: whatever fails in the speed-ups ends in an ordinary start.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class _Patch:
    """A loader that runs a module's own code and then sets some of its attributes."""

    def __init__(self, loader: Loader, attributes: dict[str, str]) -> None:
        self._loader = loader
        self._attributes = attributes

    # The protocol of loaders is met here without its base class: importing that would cost each worker time.
    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        for name, value in self._attributes.items():
            setattr(module, name, value)

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)


class _Finder:
    """Finds the patched modules where they are and hands them to ``_Patch``; all others are none of its business."""

    def __init__(self, attributes: dict[str, dict[str, str]]) -> None:
        self._attributes = attributes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find as ever, with the loader wrapped; None for all other modules."""
        if fullname not in self._attributes:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Patch(spec.loader, self._attributes[fullname])  # type: ignore[assignment]
        return spec


def instance_settings(home: str) -> dict[str, dict[str, str]]:
    """What differs between instances, per module of fate_flow."""
    return {
        "fate_flow.settings": {
            "LOG_DIR": home + "/logs",
            "DATA_DIR": home + "/data",
            "MODEL_DIR": home + "/model",
            "JOB_DIR": home + "/jobs",
            "DEFAULT_SERVER_CONF_PATH": home + "/conf",
            "UPLOAD_DATA_HOME": home + "/upload",
            "SQLITE_FILE_DIR": home,
            "SQLITE_FILE_NAME": "fate_flow_sqlite.db",
        },
        # Not a setting of FATE-Flow: the files of multipart uploads, which it would leave in site-packages.
        "fate_flow.runtime.system_settings": {"TEMP_DIR": home + "/temps"},
    }


def main() -> None:
    """Give this process its instance's settings; if it is a worker, let the zygote have it."""
    home = os.environ["FATE_LOCAL_INSTANCE"]
    sys.meta_path.insert(0, _Finder(instance_settings(home)))
    if os.environ.get("FATE_LOCAL_SPEEDUPS") and os.environ.get("PROCESS_ROLE") == "worker":
        import fate_local_launch  # type: ignore[import-not-found]

        fate_local_launch.main(home)


main()

"""Runs first in every Python of a local FATE: the server and each of the workers that FATE-Flow starts.

A ``.pth`` file of the installation imports this module when ``FATE_LOCAL_INSTANCE`` is set (and only then), so that one
installation serves many instances: FATE-Flow has exactly one ``settings.py`` per installed package, and this gives
every instance its own values without a byte of the package changing.

Must stay quick to import (each worker pays for it), must not need anything that is not built into Python >= 3.9, and
must never break a worker: whatever fails in the speed-ups ends in an ordinary start.
"""

import os
import sys


class _Patch:
    """A loader that runs a module's own code and then sets some of its attributes."""

    def __init__(self, loader, attributes):
        self._loader = loader
        self._attributes = attributes

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        self._loader.exec_module(module)
        for name, value in self._attributes.items():
            setattr(module, name, value)

    def __getattr__(self, name):
        return getattr(self._loader, name)


class _Finder:
    """Finds the patched modules where they are and hands them to ``_Patch``; all others are none of its business."""

    def __init__(self, attributes):
        self._attributes = attributes

    def find_spec(self, fullname, path=None, target=None):
        if fullname not in self._attributes:
            return None
        from importlib.machinery import PathFinder

        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = _Patch(spec.loader, self._attributes[fullname])
        return spec


def instance_settings(home):
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


def main():
    home = os.environ["FATE_LOCAL_INSTANCE"]
    sys.meta_path.insert(0, _Finder(instance_settings(home)))
    if os.environ.get("FATE_LOCAL_SPEEDUPS") and os.environ.get("PROCESS_ROLE") == "worker":
        import fate_local_launch

        fate_local_launch.main(home)


main()

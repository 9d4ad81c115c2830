"""Make `airflow_provider_fate/jobs/catalogue.json` from an installed FATE: what each component takes and gives.

Run with the Python of an environment that has pyfate and fate_flow 2.2.0 (for example the one of `fate-local`):

    python tests/unit/jobs/reference/make_catalogue.py airflow_provider_fate/jobs/catalogue.json
"""

import importlib.metadata
import json
import pkgutil
import sys
from pathlib import Path

import fate.components.components as package
from fate.components.core import Component, load_component

# An arbiter takes part in these algorithms; FATE itself only notices when the first message to it is sent.
NEED_ARBITER = {"coordinated_lr", "coordinated_linr", "homo_lr", "homo_nn"}
# Components that FATE ships for its own tests.
NOT_FOR_USERS = {"toy_example_test"}


def artifacts(declared):
    return {
        key: {
            "required": not spec["optional"],
            "stages": spec["stages"],
            "roles": spec["roles"],
            "multi": spec["is_multi"],
        }
        for key, spec in (declared or {}).items()
    }


def describe(component):
    spec = json.loads(json.dumps(component.dict().dict(), default=str))["component"]
    return {
        "provider": "fate",
        "roles": spec["roles"],
        "arbiter": spec["name"] in NEED_ARBITER,
        "parameters": {
            name: {"default": parameter["default"], "required": not parameter["optional"]}
            for name, parameter in sorted(spec["parameters"].items())
        },
        "inputs": {kind: artifacts(spec["input_artifacts"][kind]) for kind in ("data", "model")},
        "outputs": {kind: artifacts(spec["output_artifacts"][kind]) for kind in ("data", "model")},
    }


def flow_components():
    """FATE-Flow's own components: their parameters are those of plain classes, so they are written down here."""
    import inspect

    from fate_flow.components.components.upload import UploadParam

    upload = {
        name: {"default": parameter.default, "required": name == "file"}
        for name, parameter in inspect.signature(UploadParam).parameters.items()
    }
    table = {"required": True, "stages": ["default"], "roles": [], "multi": False}
    return {
        "upload": {
            "provider": "fate_flow",
            "roles": ["local"],
            "arbiter": False,
            "parameters": upload,
            "inputs": {"data": {}, "model": {}},
            "outputs": {"data": {"table": table}, "model": {}},
        },
        "download": {
            "provider": "fate_flow",
            "roles": ["local"],
            "arbiter": False,
            "parameters": {
                name: {"default": None, "required": False} for name in ("namespace", "name", "path", "delimiter")
            },
            "inputs": {"data": {}, "model": {}},
            "outputs": {"data": {}, "model": {}},
        },
    }


def main(target):
    found = flow_components()
    for module in pkgutil.iter_modules(package.__path__):
        if module.ispkg or module.name in NOT_FOR_USERS or module.name.endswith("_test"):
            continue
        component = load_component(module.name)
        assert isinstance(component, Component), module.name
        found[module.name] = describe(component)
    catalogue = {"fate": importlib.metadata.version("pyfate"), "components": dict(sorted(found.items()))}
    Path(target).write_text(json.dumps(catalogue, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])

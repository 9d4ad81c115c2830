"""FATE-Flow's configuration of an instance, written by us: one site, on loopback, with SQLite."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import yaml

from airflow_provider_fate.local.installation import Installation
from airflow_provider_fate.local.paths import HomeLayout
from airflow_provider_fate.local.ports import LOOPBACK
from airflow_provider_fate.local.processes import TAG
from airflow_provider_fate.local.state import Settings

#: FATE-Flow writes the whole environment of its workers into its logs, and asks itself by HTTP, which a proxy variable
#: would send elsewhere: so the server gets what it needs, and nothing of the caller's secrets.
_KEPT = ("HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
_KEPT_PREFIXES = (
    "FATE_LOCAL_ZYGOTE",
    "LC_",
    "OMP_",
    "MKL_",
    "OPENBLAS_",
    "NUMEXPR_",
    "HF_",
    "TRANSFORMERS_",
    "TOKENIZERS_",
)
#: Begins like settings, and is a secret.
_NEVER = ("HF_TOKEN",)
#: Models and texts are paths on this machine: nothing is looked up at a hub, which would stall where there is none. And
#: tokenizers that have started threads do not survive the forks of a task's workers.
_LANGUAGE_MODELS = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # pyarrow's allocator starts a thread at its import, and a process with threads cannot be forked for workers.
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
}


def write(layout: HomeLayout, settings: Settings, installation: Installation) -> None:
    """Write the configuration folder: FATE-Flow's own files, with ours in their place where they differ."""
    shipped = installation.site_packages / "fate_flow/conf"
    for source in shipped.iterdir():
        if source.is_file():
            shutil.copy(source, layout.conf / source.name)
    service = yaml.safe_load((shipped / "service_conf.yaml").read_text())
    alone = settings.broker_port is None
    service.update(
        party_id=settings.party_id,
        use_registry=False,
        log_level=settings.log_level,
        fateflow={
            **service["fateflow"],
            "host": settings.listen,  # it reaches itself at 0.0.0.0, too
            "http_port": settings.http_port,
            "grpc_port": settings.grpc_port,
            "proxy_name": "osx",
        },
        database={"engine": "sqlite", "decrypt_key": None, "sqlite": {"path": str(layout.database)}},
        default_engines={
            "computing": "standalone",
            "federation": "standalone" if alone else "osx",
            "storage": "standalone",
        },
        # What is shipped, `mode: stream`, wants eggroll.
        federation={"osx": {"host": LOOPBACK, "port": settings.broker_port or 9370, "mode": "queue"}},
        authentication=dict.fromkeys(("client", "site", "permission"), settings.secured),
        computing={"standalone": {"cores": settings.cores}},
    )
    (layout.conf / "service_conf.yaml").write_text(yaml.safe_dump(service, sort_keys=False))
    jobs = yaml.safe_load((shipped / "job_default_config.yaml").read_text())
    jobs["job_cores"] = settings.job_cores
    jobs["task_run"]["standalone"]["cores"] = settings.task_cores
    (layout.conf / "job_default_config.yaml").write_text(yaml.safe_dump(jobs, sort_keys=False))


def environment(
    layout: HomeLayout, settings: Settings, installation: Installation, environ: Mapping[str, str]
) -> dict[str, str]:
    """The environment of the server, which its workers inherit."""
    env = {name: value for name, value in environ.items() if name in _KEPT or name.startswith(_KEPT_PREFIXES)}
    for name in _NEVER:
        env.pop(name, None)
    env["PATH"] = f"{installation.interpreter.parent}{os.pathsep}{environ.get('PATH', os.defpath)}"
    env[TAG] = str(layout.home)
    env["NO_PROXY"] = "*"
    # All parties of all jobs share this machine: more threads per process would only make them fight.
    env.setdefault("OMP_NUM_THREADS", "1")
    env.setdefault("LANG", "C.UTF-8")
    if installation.variant == "llm":
        for name, value in _LANGUAGE_MODELS.items():
            env.setdefault(name, value)
        # What is made of the parties' texts on the way: data of this instance, which ends with it.
        env.setdefault("HF_DATASETS_CACHE", str(layout.data / "datasets"))
    if settings.speedups:
        env["FATE_LOCAL_SPEEDUPS"] = "1"
        env["FATE_LOCAL_DEFINITIONS"] = str(installation.root / "definitions")
    return env


def broker_command(layout: HomeLayout, settings: Settings, installation: Installation) -> list[str]:
    """What runs the site's broker; empty for a site without partners."""
    if settings.broker_port is None:
        return []
    return [
        *(str(installation.interpreter), "-u", str(layout.payload / "fate_local_broker.py")),
        *("--party", settings.party_id, "--listen", f"{settings.listen}:{settings.broker_port}"),
        *("--flow", f"{LOOPBACK}:{settings.grpc_port}", "--peers", json.dumps(dict(settings.peers))),
    ]


def copy_payload(layout: HomeLayout) -> None:
    """Put the start-up modules into the home: a running instance does not change when this package is upgraded."""
    source = Path(__file__).parent / "payload"
    for module in source.glob("*.py"):
        shutil.copy(module, layout.payload / module.name)

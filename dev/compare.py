"""Is a federated model as good as one that had all the data in one place? `make compare` prints the table.

Trains the DAG's model on the local FATE, over the tables of one day, and XGBoost with the same depth, trees, bins and
learning rate on the same rows, joined here as nobody could in earnest. Fails when the joint models differ by 0.01 or
more on the held-out rows.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from airflow_provider_fate.clients.fate_flow import FlowClient, FlowSettings
from airflow_provider_fate.clients.fate_flow.models import UploadMeta
from airflow_provider_fate.jobs import Evaluation, HeteroSecureBoost, Party, summarize_metrics
from dev.console import Steps
from dev.stack import ROOT, Stack

TOLERANCE = 0.01
NAMESPACE = "compare"
PARTS = ("train", "holdout")
# L2 penalty, least weight and gain of a split as in the recipe; both start from a margin of 0, a probability of 1/2.
SAME_AS_FATE = {"reg_lambda": 0.1, "reg_alpha": 0.0, "min_child_weight": 1.0, "gamma": 0.01, "base_score": 0.5}


@dataclass(frozen=True)
class Model:
    """What both sides of the comparison have in common."""

    trees: int
    depth: int
    bins: int
    learning_rate: float


Aucs = dict[tuple[str, str], float]
"""AUC by columns ('alone' or 'joint') and rows ('train' or 'holdout')."""


def fate_aucs(flow: FlowClient, files: dict[str, str], day: str, model: Model, say: Callable[[str], None]) -> Aucs:
    """Upload the tables, run the job, and return its AUCs."""
    for name, path in files.items():
        label = "malignant" if name.startswith("clinic") else None
        meta = UploadMeta(match_id_name="patient", label_name=label, label_type="int32", dtype="float32")
        table = f"{name}_{day}"
        upload = flow.data.upload_file(Path(path), namespace=NAMESPACE, name=table, meta=meta, extend_sid=True)
        wait_for(flow, upload.job_id, "local", f"upload of {table}", say)
    tables = {side: [f"{NAMESPACE}.{side}_{part}_{day}" for part in PARTS] for side in ("clinic", "laboratory")}
    job = HeteroSecureBoost(
        guest=Party("9999", tables["clinic"][0], holdout_table=tables["clinic"][1]),
        hosts=[Party("10000", tables["laboratory"][0], holdout_table=tables["laboratory"][1])],
        num_trees=model.trees,
        max_depth=model.depth,
        max_bin=model.bins,
        learning_rate=model.learning_rate,
        guest_baseline=True,
        evaluation=Evaluation(metrics=["auc"]),
    )
    job_id = flow.job.submit(job.dag()).job_id
    wait_for(flow, job_id, "guest", f"FATE job {job_id}", say)
    found = flow.output.metrics(job_id, "guest", "9999", "evaluation_0")
    metrics = summarize_metrics({"evaluation_0": found})
    return {
        (columns, rows): float(metrics[f"evaluation_0.{task}{suffix}.auc"])
        for columns, task in (("alone", "sbt_alone_0"), ("joint", "sbt_0"))
        for rows, suffix in (("train", ".train_set"), ("holdout", "_validate.test_set"))
    }


def wait_for(flow: FlowClient, job_id: str, role: str, what: str, say: Callable[[str], None]) -> None:
    """Wait for a job; end the program when it fails."""
    while True:
        record = flow.job.query(job_id=job_id, role=role)[0]
        say(f"{what}: {record.status.value} {record.progress or 0} %")
        if record.status.is_terminal:
            break
        time.sleep(1)
    if record.status.value != "success":
        sys.exit(f"{what} ended as {record.status.value}; see its logs: fate-local logs")


def read(path: str) -> dict[str, list[float]]:
    """Return the rows of a table by patient, without the header."""
    with open(path, newline="") as file:
        rows = list(csv.reader(file))[1:]
    return {row[0]: [float(value) for value in row[1:]] for row in rows}


def xgboost_aucs(files: dict[str, str], model: Model) -> tuple[Aucs, dict[str, int]]:
    """Train XGBoost on the joined rows; return its AUCs, and how many rows there are."""
    from sklearn.metrics import roc_auc_score
    from xgboost import XGBClassifier  # type: ignore[import-not-found]  # only `make compare` installs it

    label, alone, joint = {}, {}, {}
    for part in PARTS:
        clinic, laboratory = read(files[f"clinic_{part}"]), read(files[f"laboratory_{part}"])
        common = sorted(set(clinic) & set(laboratory))
        label[part] = np.array([clinic[p][0] for p in common])
        alone[part] = np.array([clinic[p][1:] for p in common], dtype=np.float32)
        joint[part] = np.array([clinic[p][1:] + laboratory[p] for p in common], dtype=np.float32)
    aucs = {}
    for columns, data in (("alone", alone), ("joint", joint)):
        booster = XGBClassifier(
            n_estimators=model.trees,
            max_depth=model.depth,
            max_bin=model.bins,
            learning_rate=model.learning_rate,
            tree_method="hist",
            n_jobs=1,
            **SAME_AS_FATE,
        ).fit(data["train"], label["train"])
        for part in PARTS:
            aucs[columns, part] = float(roc_auc_score(label[part], booster.predict_proba(data[part])[:, 1]))
    return aucs, {part: len(label[part]) for part in PARTS}


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="make compare", description=__doc__)
    parser.add_argument("--day", default="20260101", help="whose sample of patients, YYYYMMDD (default 20260101)")
    parser.add_argument("--trees", type=int, default=10)
    parser.add_argument("--depth", type=int, default=3)
    parser.add_argument("--bins", type=int, default=16)
    parser.add_argument("--learning-rate", type=float, default=0.3)
    options = parser.parse_args()
    model = Model(options.trees, options.depth, options.bins, options.learning_rate)
    sys.path.insert(0, str(ROOT / "dags"))
    from example_tables import write_tables  # type: ignore[import-not-found]  # found in dags/

    steps, stack = Steps(), Stack()
    was_running = stack.fate.status() is not None
    with TemporaryDirectory() as folder, steps.watch():
        files = write_tables(options.day, folder=Path(folder))
        with steps.step("XGBoost"):
            local, rows = xgboost_aucs(files, model)
        try:
            with steps.step("FATE") as step:
                stack.log = step.say
                stack.start_fate()
                address = stack.fate.address
                with FlowClient(FlowSettings(host=address.host, port=address.port)) as flow:
                    federated = fate_aucs(flow, files, options.day, model, step.say)
        finally:
            if not was_running:
                stack.fate.stop()

    print(f"\nSample of {options.day}: {rows['train']} patients to train on, {rows['holdout']} held out.")
    print(f"{model.trees} trees, depth {model.depth}, {model.bins} bins, learning rate {model.learning_rate}.\n")
    print(f"{'AUC':<43} {'FATE':>8} {'XGBoost':>8} {'difference':>11}")
    for columns, what in (("alone", "the clinic's columns alone"), ("joint", "both sides' columns")):
        for part, of in (("train", "training rows"), ("holdout", "held-out rows")):
            ours, theirs = federated[columns, part], local[columns, part]
            print(f"{what + ', ' + of:<43} {ours:8.4f} {theirs:8.4f} {ours - theirs:+11.4f}")
    difference = abs(federated["joint", "holdout"] - local["joint", "holdout"])
    print(f"\njoint, held out: |difference| = {difference:.4f}, tolerance {TOLERANCE}")
    return int(difference >= TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())

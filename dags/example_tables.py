"""The tables of the examples: a clinic and a laboratory that know different things about the same patients.

The data is real: the Wisconsin breast cancer set that scikit-learn ships, 569 biopsies with 30 measurements of the cell
nuclei. The columns are dealt out so that federating pays: the clinic knows the diagnosis and five weak measurements,
the laboratory has eight strong ones, and neither may show its table to the other.
"""

from __future__ import annotations

import csv
import os
from pathlib import Path
from tempfile import NamedTemporaryFile

from airflow.sdk import task, task_group

from airflow_provider_fate.operators.upload import FateUploadOperator

DAY = "{{ macros.fate.day(dag_run) }}"
"""The day of the run, YYYYMMDD: as ``{{ ds_nodash }}``, but it exists for runs that somebody triggers by hand, too."""

CLINIC, LABORATORY = "9999", "10000"
"""Party ids of guest and host. A FATE on one machine plays both of them."""

CLINIC_COLUMNS = (
    "texture error",
    "smoothness error",
    "symmetry error",
    "mean fractal dimension",
    "fractal dimension error",
)
LABORATORY_COLUMNS = (
    "worst radius",
    "worst texture",
    "worst perimeter",
    "worst area",
    "worst smoothness",
    "worst compactness",
    "worst concavity",
    "worst concave points",
)
HOLDOUT = 0.3


def write_tables(day: str, rows: int | None = None, folder: Path | None = None) -> dict[str, str]:
    """Write each side's tables of one day as CSV files, and return their paths by name.

    Every day has a sample of its own: other patients are held out, and other patients are known to only one side. The
    same day always gives the same files, so that a task that runs again changes nothing.

    :param day: YYYYMMDD.
    :param rows: use only so many patients, to be quick.
    :param folder: where to; by default below ``AIRFLOW_HOME``.
    """
    import numpy as np
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    columns = [str(name) for name in data.feature_names]
    sides = {"clinic": CLINIC_COLUMNS, "laboratory": LABORATORY_COLUMNS}
    malignant = 1 - data.target

    draw = np.random.default_rng(int(day))
    patients = draw.permutation(len(data.data))[:rows]
    held_out = set(patients[: int(len(patients) * HOLDOUT)].tolist())
    folder = folder or Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "fate_examples"
    # A table of fewer patients is another table: DAGs that run on the same day must not exchange them.
    folder /= f"{len(patients)}_patients"
    files = {}
    for side, names in sides.items():
        indexes = [columns.index(name) for name in names]
        unknown = set(draw.choice(patients, len(patients) // 25, replace=False).tolist())
        header = [
            "patient",
            *(["malignant"] if side == "clinic" else []),
            *(name.replace(" ", "_") for name in names),
        ]
        for part in ("train", "holdout"):
            table = [header]
            for patient in sorted(set(patients.tolist()) - unknown):
                if (patient in held_out) == (part == "holdout"):
                    label = [str(malignant[patient])] if side == "clinic" else []
                    table.append([f"p{patient:03}", *label, *(f"{data.data[patient, i]:.6g}" for i in indexes)])
            files[f"{side}_{part}"] = _write(folder / f"{side}_{part}_{day}.csv", table)
    return files


def write_hospitals(day: str, rows: int | None = None, folder: Path | None = None) -> dict[str, str]:
    """Write the tables of two hospitals that measure the same, each of its own patients, and return their paths.

    The laboratory's columns and the diagnosis, each column as its distance from the mean in standard deviations.

    :param day: YYYYMMDD; each day has a sample of its own, and the same day always the same one.
    :param rows: use only so many patients, to be quick.
    :param folder: where to; by default below ``AIRFLOW_HOME``.
    """
    import numpy as np
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    columns = [str(name) for name in data.feature_names]
    chosen = data.data[:, [columns.index(name) for name in LABORATORY_COLUMNS]]
    chosen = (chosen - chosen.mean(axis=0)) / chosen.std(axis=0)
    patients = np.random.default_rng(int(day)).permutation(len(data.data))[:rows]
    folder = (folder or Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "fate_examples") / "hospitals"
    header = ["patient", "malignant", *(name.replace(" ", "_") for name in LABORATORY_COLUMNS)]
    held_out = int(len(patients) * HOLDOUT)
    files = {}
    for side, part in enumerate(("north", "south")):
        for name, some in (("holdout", patients[:held_out][side::2]), ("train", patients[held_out:][side::2])):
            table = [[f"p{one:03}", str(1 - data.target[one]), *(f"{x:.6f}" for x in chosen[one])] for one in some]
            files[f"{part}_{name}"] = _write(folder / f"{part}_{name}_{len(patients)}_{day}.csv", [header, *table])
    return files


def _write(path: Path, table: list[list[str]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Renamed when it is whole: another run of the same day may be reading it.
    with NamedTemporaryFile("w", newline="", dir=path.parent, suffix=".csv", delete=False) as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    Path(file.name).replace(path)
    return str(path)


@task_group
def load_small_tables(namespace: str) -> None:
    """Load a table of 200 patients at each side, for the examples that show something else than the data."""

    @task(multiple_outputs=True)
    def write(day: str) -> dict[str, str]:
        return write_tables(day, rows=200)

    files = write(DAY)
    for side, label in (("clinic", "malignant"), ("laboratory", None)):
        FateUploadOperator(
            task_id=side,
            source=files[f"{side}_train"],
            table=f"{namespace}.{side}_{DAY}",
            match_id="patient",
            label=label,
        )

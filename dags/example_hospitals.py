"""Two hospitals that measure the same of different patients, and where their models and tables are kept.

The data is real, as in ``example_tables``: 569 biopsies, dealt out to both hospitals. A horizontal model learns from
the rows of both, and none of them leaves its hospital.
"""

from __future__ import annotations

from airflow.sdk import ObjectStoragePath
from example_tables import HOLDOUT

from airflow_provider_fate.assets import model_asset

NORTH, SOUTH = "9999", "10000"
"""Party ids of guest and host."""
COLUMNS = ("worst radius", "worst texture", "worst smoothness", "worst concavity", "worst concave points")

LAKE = "s3://aws_default@models/hospitals"
"""Tables, packages and graphs: a bucket, by the connection ``aws_default``."""
REGISTRY = "mlflow://mlflow_default"
WAREHOUSE = "warehouse"
"""Connection of the database that gets the scores."""
NAME = "malignancy_of_both_hospitals"
CHAMPION = model_asset(NORTH, NAME)


def write_hospitals(day: str, place: str, wrong_labels: float = 0.0) -> dict[str, str]:
    """Write each hospital's tables of one day, and return their URLs by name.

    Values are scaled, as horizontal models need it: with the means and deviations that both have agreed upon.

    :param day: YYYYMMDD. Each day holds out other patients; the same day always gives the same files.
    :param place: folder, also on object storage.
    :param wrong_labels: part of the training rows that get the other label, from 0 to 1.
    """
    import numpy as np
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    names = [str(name) for name in data.feature_names]
    values = data.data[:, [names.index(column) for column in COLUMNS]]
    values = (values - values.mean(axis=0)) / values.std(axis=0)
    malignant = 1 - data.target

    draw = np.random.default_rng(int(day))
    order = draw.permutation(len(values))
    wrong = set(draw.choice(order, int(wrong_labels * len(order)), replace=False).tolist())
    header = ",".join(["patient", "malignant", *(column.replace(" ", "_") for column in COLUMNS)])
    files = {}
    for side, patients in (("north", order[::2]), ("south", order[1::2])):
        held_out = int(len(patients) * HOLDOUT)
        for part, chosen in (("holdout", patients[:held_out]), ("train", patients[held_out:])):
            lines = [header]
            for patient in sorted(chosen.tolist()):
                label = malignant[patient] ^ (part == "train" and patient in wrong)
                lines.append(f"p{patient:03},{label}," + ",".join(f"{value:.6g}" for value in values[patient]))
            file = ObjectStoragePath(place) / day / f"{side}_{part}.csv"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text("\n".join(lines) + "\n")
            files[f"{side}_{part}"] = str(file)
    return files

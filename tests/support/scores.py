"""Files of scores, and cards, as predict jobs and exports leave them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np

from airflow_provider_fate.models.card import CardModel, CardTraining, ModelCard

COLUMNS = ("extend_sid", "id", "label", "predict_score", "predict_result", "predict_detail", "type")


def rows_of(noise: float, *, draw: int = 0, rows: int = 200) -> list[dict[str, Any]]:
    """Predictions of always the same rows; with more noise they are worse."""
    rng = np.random.default_rng(7)
    label = (rng.random(rows) < 0.4).astype(int)
    signal = rng.normal(size=rows) + 1.5 * label - 0.75
    score = 1 / (1 + np.exp(-(signal + noise * np.random.default_rng(draw).normal(size=rows))))
    values = [
        (f"s{i}", f"{i:03}", y, s, int(s >= 0.5), f'{{"0": {1 - s}, "1": {s}}}', "test_set")
        for i, (y, s) in enumerate(zip(label.tolist(), score.tolist(), strict=True))
    ]
    return [dict(zip(COLUMNS, row, strict=True)) for row in values]


def write_csv(path: Path, rows: list[dict[str, Any]]) -> str:
    """As FateDownloadOperator writes it."""
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return str(path)


def write_card(folder: Path, number: int = 1, **metrics: Any) -> dict[str, Any]:
    """A model's card; gives what an export gives back."""
    sha256 = f"{number:064x}"
    ids = {"job_id": f"20261127{number:013}", "model_id": f"m{number}", "model_version": "0"}
    party = {"role": "guest", "party_id": "9999"}
    card = ModelCard(
        model=CardModel(**ids, **party, package_sha256=sha256, content_sha256=sha256, size=1),
        parties=(),
        tables=(),
        tasks=(),
        metrics=metrics,
        training=CardTraining(started=None, ended=None, initiator=None, fate_version=None, schema_version=None),
        not_seen=(),
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "card.json").write_text(card.to_json())
    places = {"package": f"{folder}/model.zip", "card": f"{folder}/card.json", "card_text": f"{folder}/card.md"}
    return {**ids, **party, **places, "sha256": sha256}

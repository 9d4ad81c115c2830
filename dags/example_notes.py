"""The texts of the examples: notes from the emergency desks of two hospitals, and where the patients were sent.

They are made up by a rule. The hospitals see different complaints, and neither shows its notes to the other: only what
both have learned together knows where to send everybody.
"""

from __future__ import annotations

import csv
import os
import random
from pathlib import Path
from tempfile import NamedTemporaryFile

NORTH, SOUTH = "9999", "10000"
"""Party ids of guest and host. A FATE on one machine plays both of them, and the arbiter."""

WARDS = {
    "cardiology": ("chest pain", "a racing heart"),
    "pneumology": ("a bad cough", "short breath"),
    "dermatology": ("an itching rash", "a dark mole"),
    "orthopaedics": ("a swollen knee", "a stiff neck"),
}
ORGANS = {"cardiology": "heart", "pneumology": "lungs", "dermatology": "skin", "orthopaedics": "bones"}
SEEN_BY = {"north": ("cardiology", "pneumology"), "south": ("dermatology", "orthopaedics")}


def note(complaint: str, dice: random.Random) -> str:
    """What the desk writes of one patient."""
    who = dice.choice(("woman", "man"))
    return f"A {who} of {dice.randrange(18, 95)} years , for {dice.randrange(2, 15)} days : {complaint} ."


def answer(ward: str) -> str:
    """Where the patient was sent."""
    return f"A matter of {ward} ."


def write_notes(folder: Path, rows: int = 96, held_out: int = 24) -> dict[str, str]:
    """Write the notes of both hospitals, and those that neither has learned from, as CSV files; the same each time.

    :param folder: where to.
    :param rows: notes of each hospital.
    :param held_out: notes of all complaints that are kept back.
    :returns: paths by name: ``north``, ``south``, ``held_out``.
    """
    dice = random.Random(20260101)  # noqa: S311 - made-up notes
    files = {}
    for side, wards in (*SEEN_BY.items(), ("held_out", tuple(WARDS))):
        cases = [(complaint, ward) for ward in wards for complaint in WARDS[ward]]
        count = held_out if side == "held_out" else rows
        table = [(note(complaint, dice), answer(ward)) for complaint, ward in (cases * count)[:count]]
        dice.shuffle(table)
        files[side] = _write(Path(folder) / f"{side}.csv", [("note", "answer"), *table])
    return files


def what_everybody_knows(rows: int = 400) -> list[tuple[str, str]]:
    """Texts for a base model: it knows what hurts, and what the wards are called, and not who goes where."""
    dice = random.Random(7)  # noqa: S311 - made-up notes
    texts = []
    for row in range(rows):
        ward = dice.choice(list(WARDS))
        told = answer(dice.choice(list(WARDS)) if row % 4 == 0 else f"the {ORGANS[ward]}")
        texts.append((note(dice.choice(WARDS[ward]), dice), told))
    return texts


def examples_folder() -> Path:
    """Where the examples keep what is theirs."""
    return Path(os.environ.get("AIRFLOW_HOME", "~/airflow")).expanduser() / "fate_examples"


def _write(path: Path, table: list[tuple[str, str]]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Renamed when it is whole: another run may be reading it.
    with NamedTemporaryFile("w", newline="", dir=path.parent, suffix=".csv", delete=False) as file:
        csv.writer(file, lineterminator="\n").writerows(table)
    Path(file.name).replace(path)
    return str(path)

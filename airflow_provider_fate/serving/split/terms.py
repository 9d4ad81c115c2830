"""What a party consents to, for the people who sign it off: what it serves, and who learns what from that."""

from __future__ import annotations

from airflow_provider_fate.serving.split.document import LinearShare, SplitPart

__all__ = ["terms_markdown"]


def terms_markdown(part: SplitPart) -> str:
    """The page for an approval, in Markdown; it ends with the checksum that is signed off."""
    parts = [_what(part), *(_host(part) if part.role == "host" else _guest(part))]
    parts.append(
        f"By approving this you sign off the file `split.json` with the checksum\n\n`{part.sha256}`\n\n"
        "which holds the part and these terms. A service starts with nothing else."
    )
    return "\n\n".join(parts) + "\n"


def _what(part: SplitPart) -> str:
    model, columns = part.model, ", ".join(f"`{name}`" for name in part.columns) or "none"
    rows = [
        ("Party", part.who),
        ("Model", f"`{model.model_id}`, version `{model.model_version}`, trained by job `{model.job_id}`"),
        ("Kind", f"`{part.component}`"),
        ("Columns that it takes", columns),
        ("Made of the package", f"`{part.package_sha256}`"),
        (
            "Other parties",
            ", ".join(f"{one.role} {one.party_id}" for one in part.parties if one.party_id != part.party_id),
        ),
        (
            "Consent ends",
            f"{part.terms.until:%Y-%m-%d %H:%M %Z}" if part.terms.until else "when the service is stopped",
        ),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"### Split scoring: the part of {part.who}\n\n| | |\n|---|---|\n{table}"


def _host(part: SplitPart) -> list[str]:
    terms, linear = part.terms, isinstance(part.share, LinearShare)
    rows = [
        ("Rows in one question", f"{terms.rows_per_request:,}"),
        ("Rows in a minute", f"{terms.rows_per_minute:,}"),
        ("Rows in a day", f"{terms.rows_per_day:,}"),
    ]
    if linear:
        rows.append(("Decimals of a sum", "all" if terms.digits is None else str(terms.digits)))
    limits = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return [
        f"**What guest {part.guest} learns from you:** {_SUMS if linear else _DIRECTIONS} It learns, too, which "
        "ids you have rows of: leave out of the file of rows who must not be asked for.",
        f"**What you learn from guest {part.guest}:** {_IDS}{'' if linear else _PATHS}.",
        f"**What you allow:**\n\n| | |\n|---|---|\n{limits}\n\n"
        "A row counts in each question"
        + ("." if linear else "; trees take several for one score, at most as many as they are deep."),
    ]


def _guest(part: SplitPart) -> list[str]:
    hosts = ", ".join(f"host {host}" for host in part.hosts)
    linear = isinstance(part.share, LinearShare)
    return [
        f"**What {hosts} learns from you:** {_IDS}{'' if linear else _PATHS}. Your columns, coefficients, leaves and "
        "scores stay with you.",
        f"**What you learn from {hosts}:** "
        + ("the weighted sum of its columns." if linear else "the directions at its splits that rows come to.")
        + " Whoever may ask your service learns scores: give its secret to nobody else.",
    ]


_IDS = "which ids are scored, and when"
_PATHS = ", and which of the host's splits each row comes to, which says something of the guest's columns"
_SUMS = (
    "for each id **the weighted sum of your columns**, one number for each class. It never gets a value of a column "
    "or a coefficient. But a sum is about the person, and the same each time. Whoever has the sums *and* the columns "
    "of some persons can compute the coefficients; and whoever knows the coefficients, or has sums of as many models "
    "as you have columns, can compute the columns. Rounding and limits slow this down, and do not prevent it."
)
_DIRECTIONS = (
    "for each id and each of your splits that it asks for **whether the row goes to the left or to the right**. It "
    "never gets the column or the value of a split. But a direction is a bit about the person, and the guest can ask "
    "for all of your splits, not only for those on a row's way. Whoever knows from elsewhere what a split asks learns "
    "on which side of it the person is."
)

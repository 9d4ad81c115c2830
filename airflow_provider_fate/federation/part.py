"""What the parts of a federation file have in common."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, WithJsonSchema

__all__ = ["FederationPart", "Key"]

_KEY = r"^[A-Za-z][A-Za-z0-9_-]*$"


class FederationPart(BaseModel):
    """A part of the file: it cannot be changed, and has no fields but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def _key(text: str) -> str:
    if not re.fullmatch(_KEY, text):
        raise ValueError("a short name begins with a letter and has letters, digits, '_' and '-' only")
    return text


Key = Annotated[str, AfterValidator(_key), WithJsonSchema({"type": "string", "pattern": _KEY})]
"""The short name of a party, a table or a job within the file."""

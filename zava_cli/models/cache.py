"""How old an answer may be."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

MaxAge = Annotated[
    int, Field(ge=0, le=86_400, description="Most seconds that a repeated answer may be old; 0 asks the database")
]

"""What the commands of `zava security` about keys answer."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from uuid import UUID

from pydantic import BaseModel, Field


class KeyRotation(BaseModel):
    """A new key version, and how long older ones are still accepted."""

    version: int = Field(description="Version that contexts are signed with from now on")
    managers: int = Field(description="Managers who have a key of it")
    ending: dict[int, datetime] = Field(description="Older versions that are still accepted, and until when")
    written_to: Path = Field(description="File that holds the new key")


class IssuedKey(BaseModel):
    """A manager's own key file; never the key."""

    manager_id: UUID = Field(description="The only manager whom it signs for")
    name: str = Field(description="Their name")
    version: int = Field(description="Key version; the file is good until this version ends")
    expires: datetime | None = Field(description="When zava stops using the file")
    written_to: Path = Field(description="The file")

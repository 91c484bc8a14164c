"""Who is asking."""

from __future__ import annotations

from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, Field


class ManagerRole(StrEnum):
    """What a manager may do; which rows they see follows from who they are."""

    STORE_MANAGER = "store_manager"
    REGIONAL_MANAGER = "regional_manager"
    HEAD_OFFICE = "head_office"


class Identity(BaseModel, frozen=True):
    """A manager and the stores that they see; head office sees all and lists none."""

    manager_id: UUID = Field(description="Key of the manager")
    name: str = Field(description="Display name")
    role: ManagerRole = Field(description="store_manager, regional_manager or head_office")
    stores: tuple[str, ...] = Field(description="Names of the stores they see; empty for head office")

"""What `zava health` and the tool `check_health` answer."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field


class HealthStatus(StrEnum):
    """State of one component; only `fail` makes the whole unhealthy."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class ComponentHealth(BaseModel):
    """One component: what was found, and the way out when it is not ok."""

    component: str = Field(description="What was looked at")
    status: HealthStatus = Field(description="ok, warn, fail or unknown")
    detail: str = Field(description="What was found")
    fix: str | None = Field(default=None, description="What to do about it")


class HealthReport(BaseModel):
    """All components; healthy when none failed."""

    healthy: bool = Field(description="Whether no component failed")
    components: list[ComponentHealth] = Field(description="One entry per component")

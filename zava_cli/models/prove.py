"""What goes into and comes out of `zava security prove`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, Field

Pairs = Annotated[int, Field(ge=1, le=20, description="Most pairs of an attacker and a victim")]


class Wall(StrEnum):
    """What stands between one manager and another one's rows."""

    GUARD = "guard"
    PRIVILEGES = "privileges"
    CONTEXT = "signed context"
    TRANSACTION = "bounded transaction"


class Verdict(StrEnum):
    """How one attack ended. What could not be set up or could not have been noticed was not tried."""

    HELD = "held"
    FAILED = "failed"
    NOT_TRIED = "not tried"


class ProveRequest(BaseModel, frozen=True):
    """How much to try, and between whom."""

    pairs: Pairs = 3
    managers: tuple[str, ...] = Field(default=(), description="Further managers to take part, regional ones say")
    quick: bool = Field(default=False, description="One attack in three, for the first pair")


@dataclass(frozen=True)
class Answer:
    """Everything that came back for one attack: values, names, errors with all their fields, notices.

    `code` is the error's code in zava's family, None when there was an answer; `sqlstate` is the server's.
    `truncated`: the answer says that there was more. `backend` is the server's process, where that is known.
    """

    text: str
    code: str | None = None
    sqlstate: str | None = None
    truncated: bool = False
    backend: int | None = None


class Score(BaseModel):
    """One wall on one way in."""

    wall: Wall = Field(description="What was attacked")
    way: str = Field(description="How the attacks came in")
    tried: int = Field(default=0, description="Attacks that were carried out")
    held: int = Field(default=0, description="Attacks that were withstood")
    failed: int = Field(default=0, description="Attacks that succeeded")
    not_tried: int = Field(default=0, description="Attacks that could not be carried out, or not be noticed")


class Breach(BaseModel):
    """One attack that succeeded; it holds no row, since it may be passed on."""

    wall: Wall = Field(description="The wall that gave way")
    way: str = Field(description="How the attack came in")
    attacker: str = Field(description="Kind of manager who attacked")
    attack: str = Field(description="Name of the attack")
    sql: str = Field(description="Its SQL, with names in braces for what differs by database")
    leak: str = Field(description="What came of it")


class Gap(BaseModel):
    """Attacks of one wall and way that were not tried for one reason."""

    wall: Wall = Field(description="What would have been attacked")
    way: str = Field(description="How the attacks would have come in")
    reason: str = Field(description="Why not")
    attacks: int = Field(description="How many")


class MissingWall(BaseModel):
    """A protection that this server or its set-up does not offer; no failure by itself."""

    wall: Wall = Field(description="The wall that it belongs to")
    missing: str = Field(description="What is not there")
    remains: str = Field(description="What stands without it")


class ProofReport(BaseModel):
    """All attacks; proven when every wall was attacked on every way and none gave way."""

    proven: bool = Field(description="Whether nothing failed and no wall and way was left untried")
    scores: list[Score] = Field(description="One entry per wall and way in")
    breaches: list[Breach] = Field(description="Attacks that succeeded")
    gaps: list[Gap] = Field(description="Attacks that were not tried, and why")
    missing: list[MissingWall] = Field(description="Protections that this server does not offer")
    pairs: list[str] = Field(description="Kinds of attackers and victims")
    seconds: float = Field(description="How long it took")

"""What goes into and comes out of `zava token`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, Field, SecretStr, StringConstraints

from zava_cli.models.scopes import Scope

LONGEST_LIFE = timedelta(days=366)
TokenName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=100),
    Field(description="What people call it"),
]


class TokenRequest(BaseModel, frozen=True):
    """A token to be made for the manager whom `who` names; without a name it is called after them."""

    who: str
    scopes: tuple[Scope, ...] = Field(default=tuple(Scope), min_length=1)
    name: TokenName | None = None
    expires: timedelta = Field(default=timedelta(days=90), gt=timedelta(0), le=LONGEST_LIFE)


class NewToken(BaseModel):
    """A token that was just made; nobody can read its text again."""

    text: SecretStr
    prefix: str
    name: str
    manager: str
    scopes: tuple[Scope, ...]
    expires_at: datetime


class TokenRecord(BaseModel):
    """What is known of a token afterwards."""

    prefix: str = Field(description="The part of the token that names it")
    name: str = Field(description="What people call it")
    manager: str | None = Field(description="The manager whom its bearer is taken for")
    scopes: tuple[Scope, ...] = Field(description="What it may be used for")
    state: str = Field(description="active, expired, revoked, no manager or of another database")
    created_at: datetime = Field(description="When it was made")
    expires_at: datetime = Field(description="When it stops working")
    revoked_at: datetime | None = Field(description="When it was revoked")
    created_by: str = Field(description="Login that made it")


class TokenGrant(BaseModel, frozen=True):
    """What a valid token opens."""

    prefix: str
    manager_id: UUID
    name: str
    scopes: tuple[Scope, ...]
    expires_at: datetime

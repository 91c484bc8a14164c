"""What a server keeps from one search to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from zava_cli.data.search import ActiveModel


@dataclass
class SearchMemory:
    """What the last searches found, whoever asked: no more than a guess at what the next one will find.

    `model` is the one that search used, and `words` are those of the thesaurus that the catalogue had.
    """

    model: ActiveModel | None = None
    words: set[str] = field(default_factory=set[str])

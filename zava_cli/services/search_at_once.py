"""The short way of a search: a plain question is answered by one statement, made for what the last search found.

A statement by itself takes less time than the round trips of the steps it stands for. It is sent before anything is
known of the question, so a guess has to hold: that nothing in it is a slip, and that model and vocabulary are those of
the search before. The statement brings along what shows that; where the guess was wrong the steps are taken, and the
answer is the same either way, but for the order of products that are exactly as near.
"""

from __future__ import annotations

from dataclasses import dataclass

from zava_cli.data.search import ActiveModel
from zava_cli.data.search_at_once import PlainQuestion, Seen, at_once
from zava_cli.data.session import Session
from zava_cli.infra.errors import EmbeddingError
from zava_cli.models.search import SearchMode, SearchRequest
from zava_cli.services.embedding import EmbedderSource
from zava_cli.services.search_meaning import Question, question_by
from zava_cli.services.search_memory import SearchMemory
from zava_cli.services.search_reading import Asked, Written, likely


@dataclass(frozen=True)
class Guess:
    """A guess at what is meant by a question, and what the database found for it."""

    question: Question
    seen: Seen

    def holds(self, asked: Asked, active: ActiveModel | None) -> bool:
        """Whether the question was understood so, and search uses that model."""
        return asked == self.question.asked and self.question.is_by(active)


async def likely_question(
    written: Written, request: SearchRequest, source: EmbedderSource, memory: SearchMemory
) -> Question | None:
    """The question as it stands, by the model that the last search used; None where one statement cannot answer it."""
    model = memory.model
    is_plain = request.mode is SearchMode.HYBRID and not request.has_filters and not written.has_operators
    if model is None or model.is_indexed or not is_plain:
        return None
    asked = likely(written, memory.words)
    if not source.is_at_hand(model, asked.meaning):
        return None
    try:
        question = await question_by(model, asked, request.threshold, source)
    except EmbeddingError:
        # Told where it matters: search may use another model by now.
        return None
    return question if question.has_meaning() else None


async def guessed(session: Session, question: Question, written: Written, length: int) -> Guess:
    """What is found for the question as it stands, in lists of `length`."""
    words, others = written.to_check
    terms = question.asked.terms
    plain = PlainQuestion(written.text, words, others, terms.wanted, terms.unwanted, question.vector, question.active)
    return Guess(question, await at_once(session, plain, length))

"""What a person is told when an OpenAI-compatible service fails: never a key, a text or the service's own words."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from openai import APIStatusError

from zava_cli.infra.embeddings.base import LARGEST
from zava_cli.infra.errors import (
    EmbeddingError,
    EmbeddingRefusedError,
    EmbeddingSetupError,
    EmbeddingUnavailableError,
)

UNITS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0}
FALL_BACK = "Search by keyword meanwhile, or use the local provider."


@dataclass(frozen=True)
class ServiceErrors:
    """The errors of one model at one service; `place` is its host and port, `timeout` is in seconds."""

    place: str
    model: str
    timeout: float

    def nonsense(self, what: str) -> EmbeddingError:
        """It answered, and not what was asked."""
        return EmbeddingRefusedError(
            f"{self.place} sent {what} for {self.model}.",
            hint=f"Check that the base URL is an OpenAI-compatible embeddings API. {FALL_BACK}",
        )

    def wrong_size(self, sent: int, expected: int) -> EmbeddingError:
        """Its vectors are of another length than they should be."""
        return EmbeddingSetupError(
            f"{self.place} sent vectors of {sent} dimensions for {self.model}; {expected} were expected.",
            hint=f"Set embedding_dimensions to {sent}, which counts as a model of its own, or name the right model.",
        )

    def too_large(self, sent: int) -> EmbeddingError:
        """Its vectors are longer than the database can index."""
        return EmbeddingSetupError(
            f"{self.place} sent vectors of {sent:,} dimensions for {self.model}; more than {LARGEST:,} cannot be kept.",
            hint="Ask for fewer with ZAVA_EMBEDDING_DIMENSIONS, if the model can be cut, or take another model.",
        )

    def timed_out(self) -> EmbeddingUnavailableError:
        """No answer within the time that one waits."""
        return EmbeddingUnavailableError(
            f"{self.place} did not embed within {self.timeout:g} seconds.",
            hint=f"Try again, or raise ZAVA_EMBEDDING_TIMEOUT. {FALL_BACK}",
        )

    def unreachable(self) -> EmbeddingError:
        """No connection."""
        return EmbeddingUnavailableError(
            f"{self.place} cannot be reached for embeddings.",
            hint=f"Check the network and the base URL. {FALL_BACK}",
        )

    def left_alone(self, why: str, seconds: float) -> EmbeddingError:
        """It is not even asked for a while."""
        return EmbeddingUnavailableError(
            f"{self.place} {why} and is asked again in {math.ceil(seconds)} seconds.",
            hint=FALL_BACK, wanted_wait=seconds,
        )  # fmt: skip

    def failed(self, kind: str) -> EmbeddingError:
        """The library gave up for another reason."""
        return EmbeddingError(f"{self.place} could not embed ({kind}).", hint=FALL_BACK)

    def refused(self, exc: APIStatusError) -> EmbeddingError:
        """An answer with an HTTP status of 400 or more."""
        status = exc.status_code
        if status in (401, 403):
            return EmbeddingSetupError(
                f"{self.place} did not accept the API key (HTTP {status}).",
                hint="Check ZAVA_OPENAI_API_KEY or the keyring; OPENAI_API_KEY is shown to OpenAI's own address alone.",
            )
        if status == 404:
            return EmbeddingSetupError(
                f"{self.place} has no model {self.model}, or no embeddings at this address (HTTP 404).",
                hint="Check the embedding model and the base URL, which usually ends in /v1; on Azure they are the "
                "deployment's name and the resource's own address.",
            )
        if status == 429:
            return EmbeddingUnavailableError(
                f"{self.place} refuses more requests for now: a rate limit or the quota (HTTP 429).",
                hint=f"Wait, lower the embedding concurrency, or check the account's quota. {FALL_BACK}",
                wanted_wait=_wanted_wait(exc),
            )
        if status >= 500:
            return EmbeddingUnavailableError(
                f"{self.place} failed to embed (HTTP {status}).",
                hint=f"Try again later. {FALL_BACK}",
                wanted_wait=_wanted_wait(exc),
            )
        return EmbeddingRefusedError(
            f"{self.place} refused the request for {self.model} (HTTP {status}).",
            hint="Check that the model takes embedding requests, the configured dimensions and long texts.",
        )


def _wanted_wait(exc: APIStatusError) -> float | None:
    """Seconds that an answer asks one to wait."""
    for header, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            return max(0.001, float(exc.response.headers[header]) * unit)
        except (KeyError, ValueError):
            # A date is rare enough for the usual wait.
            continue
    resets = [_reset(exc.response.headers, kind) for kind in ("requests", "tokens")]
    return max((seconds for seconds in resets if seconds), default=None)


def _reset(headers: Mapping[str, str], kind: str) -> float:
    """Seconds until a limit that is used up is whole again, in OpenAI's headers: `2m0.5s`, `20ms`, or bare seconds."""
    if headers.get(f"x-ratelimit-remaining-{kind}") != "0":
        return 0.0
    said = headers.get(f"x-ratelimit-reset-{kind}", "")
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(ms|[hms]?)", said))

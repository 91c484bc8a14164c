"""How zava tries again: stamina's back-off with jitter, told to zava's own log."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import TYPE_CHECKING

from zava_cli.infra.log import logger

if TYPE_CHECKING:
    from stamina import Attempt
    from stamina.instrumentation import RetryDetails


def attempts(
    on: Callable[[Exception], bool | float], most: int, *, first: float, longest: float, jitter: float
) -> AsyncIterable[Attempt]:
    """Attempts of a block, as from stamina.retry_context; `on` may say how many seconds to wait for the next one."""
    # Loaded here, where hardly any request comes.
    import stamina
    from stamina.instrumentation import set_on_retry_hooks

    # By itself it logs to a place of its own choice, which may be stdout, and with what the error says.
    set_on_retry_hooks([_tell])
    return stamina.retry_context(
        on=on, attempts=most, timeout=None, wait_initial=first, wait_max=longest, wait_jitter=jitter
    )


def _tell(details: RetryDetails) -> None:
    reason = getattr(details.caused_by, "error_code", type(details.caused_by).__name__)
    logger().info("trying again", attempt=details.retry_num + 1, wait=round(details.wait_for, 2), reason=reason)

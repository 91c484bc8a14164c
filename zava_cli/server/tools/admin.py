"""The tools that write. They exist only for an administrator over stdio."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastmcp import Context
from fastmcp.dependencies import Depends

from zava_cli.models.embed import EmbedRequest
from zava_cli.models.seed import SeedRequest
from zava_cli.server.progress import progress_notifications
from zava_cli.server.results import json_result
from zava_cli.server.state import ServerState, current_state
from zava_cli.server.tools.offering import ADDS_DATA, REPLACES_DATA, offered
from zava_cli.services import embed
from zava_cli.services.seed import seed as seeding

SEED = SeedRequest.model_fields
EMBED = EmbedRequest.model_fields


@offered(REPLACES_DATA)
async def seed_database(
    context: Context,
    seed: Annotated[int, SEED["seed"]] = 42,
    until: Annotated[date | None, SEED["until"]] = None,
    customers: Annotated[int | None, SEED["customers"]] = None,
    if_empty: Annotated[bool, SEED["if_empty"]] = False,
    reset: Annotated[bool, SEED["reset"]] = False,
    state: ServerState = Depends(current_state),  # noqa: B008
) -> str:
    """Generate retail data for an empty database, all or nothing. Run embed_products afterwards."""
    request = SeedRequest(seed=seed, until=until, customers=customers, if_empty=if_empty, reset=reset)
    async with progress_notifications(context) as on_progress:
        report = await seeding.seed_database(state.target, request, on_progress)
    return json_result(report.model_dump(mode="json"))


@offered(ADDS_DATA)
async def embed_products(
    context: Context,
    all: Annotated[bool, EMBED["all"]] = False,
    batch: Annotated[int, EMBED["batch"]] = 8_000,
    state: ServerState = Depends(current_state),  # noqa: B008
) -> str:
    """Embed new and changed products for search by meaning; safe to interrupt and repeat."""
    async with progress_notifications(context) as on_progress:
        request = EmbedRequest(all=all, batch=batch)
        report = await embed.embed_products(state.target, request, on_progress, state.observation.embedded)
    return json_result(report.model_dump(mode="json"))

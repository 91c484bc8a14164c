"""`zava whoami`."""

from __future__ import annotations

from zava_cli.commands import runtime
from zava_cli.commands.options import JsonOption
from zava_cli.commands.output.console import print_json, print_key_values


def whoami(as_json: JsonOption = False) -> None:
    """Show who you are here: name, role, stores, and why.

    Example: zava whoami --as seattle
    """
    from zava_cli.data.callers import Caller
    from zava_cli.data.database import PostgreSQLProvider

    async def identify(_: PostgreSQLProvider, caller: Caller) -> Caller:
        return caller

    identity = runtime.manager(identify).identity
    settings, origin = runtime.settings(), runtime.loaded().origins["identity"]
    reasons = [] if settings.identity is None else [f"{settings.identity!r} from {origin}"]
    own = settings.manager_key_file
    reasons.append("signed with this machine's key" if own is None else f"signed with the key file {own}")
    why = ", ".join(reasons)
    if as_json:
        print_json({**identity.model_dump(mode="json"), "why": why})
        return
    stores = ", ".join(identity.stores) or ("all stores" if identity.role == "head_office" else "no store")
    print_key_values({"name": identity.name, "role": identity.role.value, "sees": stores, "why": why})

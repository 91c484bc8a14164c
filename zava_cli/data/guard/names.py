"""What queries may name: functions, catalogs, settings, schemas. Everything else is refused."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

# Schemas whose functions and operators may be written out; the names must be on the list all the same.
FUNCTION_SCHEMAS = frozenset({"pg_catalog", "public", "retail", "extensions"})

# Keys, the audit trail and the state of operations: no query has a reason to look there.
CLOSED_SCHEMAS = frozenset({"security", "audit", "ops"})

# Passwords of foreign servers stand in these.
CLOSED_INFORMATION_PREFIXES = ("_pg_", "user_mapping", "foreign_")

OPEN_SETTING_PREFIXES = ("lc_", "max_", "enable_")

# Lists of tables show their owner; of any other number it would tell which login bears it.
OWNER_COLUMNS = frozenset({"relowner", "nspowner", "proowner", "typowner", "extowner", "datdba"})

# Sampling methods are functions, though they are not called like one. SYSTEM takes whole pages: which of one's
# rows come together tells how many rows of others lie between them.
SAMPLE_METHODS = frozenset({"bernoulli"})


@cache
def allowed_functions() -> frozenset[str]:
    """The names that a query may call."""
    return repeatable_functions() | changing_functions()


@cache
def repeatable_functions() -> frozenset[str]:
    """Those whose value follows from arguments and settings alone; scripts/guard-functions makes the lists."""
    return _names("repeatable_functions.txt")


@cache
def changing_functions() -> frozenset[str]:
    """The other allowed ones."""
    return _names("changing_functions.txt")


@cache
def open_catalogs() -> frozenset[str]:
    """Catalogs that describe structure; the others show statistics, sessions, settings or logins.

    A CTE that is named like one of those others is refused as well: which of the two a name means depends
    on where it stands, and a rule without that question cannot be tricked.
    """
    return _names("open_catalogs.txt")


def is_open_setting(name: str) -> bool:
    """True for a setting that SHOW and current_setting may tell, in any letter case."""
    setting = name.lower()
    return setting in _open_settings() or setting.startswith(OPEN_SETTING_PREFIXES)


@cache
def _open_settings() -> frozenset[str]:
    return _names("open_settings.txt")


@cache
def open_nodes() -> frozenset[str]:
    """The kinds of node in libpg_query's tree that a reading query is made of."""
    return _names("open_nodes.txt")


@cache
def refused_fields() -> frozenset[str]:
    """Functions that `value.name` would run although they are not allowed."""
    return _names("refused_fields.txt")


def _names(file: str) -> frozenset[str]:
    return frozenset((files("zava_cli.data.guard") / file).read_text(encoding="utf-8").split())

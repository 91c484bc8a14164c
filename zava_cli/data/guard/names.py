"""What queries may name: functions, catalogs, settings, schemas. Everything else is refused."""

from __future__ import annotations

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

_FOLDER = files("zava_cli.data.guard")


def _names(file: str) -> frozenset[str]:
    return frozenset((_FOLDER / file).read_text(encoding="utf-8").split())


REPEATABLE_FUNCTIONS = _names("repeatable_functions.txt")
"""Those whose value follows from arguments and settings alone; scripts/guard-functions makes the lists."""

CHANGING_FUNCTIONS = _names("changing_functions.txt")
"""The other allowed ones."""

ALLOWED_FUNCTIONS = REPEATABLE_FUNCTIONS | CHANGING_FUNCTIONS

REFUSED_FIELDS = _names("refused_fields.txt")
"""Functions that `value.name` would run although they are not allowed."""

OPEN_CATALOGS = _names("open_catalogs.txt")
"""Catalogs that describe structure; the others show statistics, sessions, settings or logins.

A CTE that is named like one of those others is refused as well: which of the two a name means depends
on where it stands, and a rule without that question cannot be tricked.
"""

OPEN_NODES = _names("open_nodes.txt")
"""The kinds of node in libpg_query's tree that a reading query is made of."""

OTHER_DIALECTS = dict(
    line.split(" ", 1) for line in (_FOLDER / "other_dialects.txt").read_text(encoding="utf-8").splitlines()
)
"""Functions of other databases that people and models write, and what PostgreSQL has in their place."""

_OPEN_SETTINGS = _names("open_settings.txt")


def is_open_setting(name: str) -> bool:
    """True for a setting that SHOW and current_setting may tell, in any letter case."""
    setting = name.lower()
    return setting in _OPEN_SETTINGS or setting.startswith(OPEN_SETTING_PREFIXES)

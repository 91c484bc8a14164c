"""What queries may name: functions, catalogs, settings, schemas. Everything else is refused."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

# Schemas whose functions and operators may be written out; the names must be on the list all the same.
FUNCTION_SCHEMAS = frozenset({"pg_catalog", "public", "retail", "extensions"})

# Keys, the audit trail and the state of operations: no query has a reason to look there.
CLOSED_SCHEMAS = frozenset({"security", "audit", "ops"})

# Catalogs that describe structure. Those with statistics, sessions, settings or logins show other people's
# rows, queries or names. Their names begin with pg_, so a CTE of such a name is refused as well: which of
# the two a name means depends on where it stands, and a rule without that question cannot be tricked.
OPEN_CATALOGS = frozenset(
    """
    pg_aggregate pg_am pg_amop pg_amproc pg_attrdef pg_attribute pg_cast pg_class pg_collation pg_constraint
    pg_conversion pg_depend pg_description pg_enum pg_extension pg_index pg_indexes pg_inherits pg_language
    pg_matviews pg_namespace pg_opclass pg_operator pg_opfamily pg_partitioned_table pg_policies pg_policy
    pg_proc pg_range pg_rewrite pg_rules pg_tables pg_timezone_abbrevs pg_timezone_names pg_trigger
    pg_ts_config pg_ts_config_map pg_ts_dict pg_ts_parser pg_ts_template pg_type pg_views
    """.split()
)

# Passwords of foreign servers stand in these.
CLOSED_INFORMATION_PREFIXES = ("_pg_", "user_mapping", "foreign_")

OPEN_SETTINGS = frozenset(
    """
    application_name block_size bytea_output client_encoding cpu_tuple_cost datestyle default_text_search_config
    effective_cache_size extra_float_digits integer_datetimes intervalstyle jit lock_timeout
    random_page_cost search_path seq_page_cost server_encoding server_version server_version_num
    standard_conforming_strings statement_timeout timezone transaction_isolation transaction_read_only
    transaction_timeout work_mem
    """.split()
)
OPEN_SETTING_PREFIXES = ("lc_", "max_", "enable_")

# Sampling methods are functions, though they are not called like one.
SAMPLE_METHODS = frozenset({"bernoulli", "system"})


@cache
def allowed_functions() -> frozenset[str]:
    """The names that a query may call; scripts/guard-functions makes the list."""
    return _names("allowed_functions.txt")


@cache
def refused_fields() -> frozenset[str]:
    """Functions that `value.name` would run although they are not allowed."""
    return _names("refused_fields.txt")


def _names(file: str) -> frozenset[str]:
    return frozenset((files("zava_cli.data.guard") / file).read_text(encoding="utf-8").split())

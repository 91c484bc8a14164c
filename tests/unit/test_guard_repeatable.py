"""Which queries read the same from the same rows at any time: their answers may be kept."""

from __future__ import annotations

import pytest

from zava_cli.data.guard import names
from zava_cli.data.guard.check import check_query

REPEATABLE = [
    "select 1",
    "table orders",
    "values (1, 'knowing')",
    "select count(*) from retail.orders",
    "select o.order_date::date, age(o.order_date, '2020-01-01') from orders o where o.order_date >= date '2026-01-01'",
    "with now as (select * from orders) select to_char(order_date, 'YYYY-MM'), sum(total_amount) from now group by 1",
    "select extract(year from order_date at time zone 'UTC') from orders",
    "select date_trunc('month', order_date), max(total_amount) filter (where status <> 'x') from orders group by 1",
    "select name, rank() over (partition by category_id order by price) from products where name ilike '%snow%'",
    "select generate_series(date '2026-01-01', '2026-02-01', '1 day')",
    "select json_agg(row_to_json(p)) from products p",
    "with a as (select 1 as n), b as (select * from a) select * from (select * from b) as c, a",
    "with recursive t (n) as (select 1 union all select n + 1 from t where n < 9) select * from t",
    "with a as (select 1) select * from a union select * from a",
    "select first_name || ' ' || last_name, order_date from customers join orders using (customer_id)",
    "select date_trunc('month', order_date)::date, to_char(order_date, 'YYYY-MM') from orders",
]
CHANGING = [
    "select now()",
    "select pg_catalog.now()",
    'select "now"()',
    "select current_date",
    "select localtimestamp",
    "select current_user",
    "select clock_timestamp()",
    "select random()",
    "select gen_random_uuid()",
    "select array_shuffle(array[1, 2])",
    "select (array[1, 2]).array_shuffle",
    "select age(order_date) from orders",
    "select (order_date).age from orders",
    "select o.order_date.age from orders o",
    "select timestamptz 'now'",
    "select 'NOW'::timestamptz",
    "select date('yesterday')",
    "select U&'\\006Eow'::date",
    "select * from orders where order_date > 'today'",
    "select * from orders where order_date between 'yesterday 08:00' and 'tomorrow'",
    'select * from jsonb_to_record(\'{"d": "now"}\') as r (d timestamptz)',
    "select '12:00'::timetz",
    "select ('n' || 'ow')::timestamptz",
    "select cast(reverse('won') as timestamp)",
    "select timestamptz('n' || 'ow')",
    "select ('n' || 'ow').timestamptz",
    "with part as (select substr('snow', 2) as moment) select moment::timestamptz from part",
    "select to_char(1, 'nFMow')::timestamptz",
    r"select '{n\ow}'::timestamptz[]",
    r"""select '["n\ow",)'::tstzrange""",
    r"""select ('{"d": "n\u006fw"}'::jsonb ->> 'd')::timestamptz""",
    r"""select d from jsonb_to_record('{"d": "n\u006fw"}') as r (d timestamptz)""",
    """select jsonb_populate_record(o, ('{"order_date": "n' || 'ow"}')::jsonb) from orders o""",
    """select * from json_table(('{"d": "n' || 'ow"}')::jsonb, '$' columns (d timestamptz path '$.d'))""",
    """select json_value(('{"d": "n' || 'ow"}')::jsonb, '$.d' returning timestamptz)""",
    "select d from xmltable('/a' passing xmlparse(content '<a>n<b/>ow</a>') columns d timestamptz path '.')",
    "select * from orders tablesample bernoulli (10)",
    "select current_setting('timezone')",
    "select pg_typeof(1)",
    "select 'orders'::regclass",
    "select relname from pg_class",
    "table pg_type",
    "select table_name from information_schema.tables",
    "select * from a_view_of_somebody",
    "select * from public.orders",
    "with v as (select 1) select * from public.v",
    "with v as (select * from v) select * from v",
    "with a as (select * from v), v as (select 1) select * from a",
    "select * from (with v as (select 1) select * from v) as inner_one, v",
    "select txid_current_if_assigned()",
    "explain select 1",
    "show timezone",
]


@pytest.mark.parametrize("sql", REPEATABLE)
def test_what_depends_on_rows_and_constants_alone_is_repeatable(sql: str) -> None:
    assert check_query(sql).is_repeatable


@pytest.mark.parametrize("sql", CHANGING)
def test_what_tells_the_time_draws_lots_or_looks_at_the_catalog_is_not(sql: str) -> None:
    assert not check_query(sql).is_repeatable


def test_the_list_of_changing_functions_holds_what_tells_the_time_or_draws_lots() -> None:
    assert {"now", "random", "statement_timestamp", "uuidv7", "timetz", "version"} <= names.CHANGING_FUNCTIONS

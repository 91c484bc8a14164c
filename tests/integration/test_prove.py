"""`zava security prove` finds nothing where all is well, and names the wall that was broken where one was."""

from __future__ import annotations

import os
import re

import pytest

from tests.conftest import opened
from tests.small_data import Walls
from zava_cli.data import connections
from zava_cli.data.attacks.catalogue import reads, set_attacks, set_config_attacks, statements
from zava_cli.data.guard import names
from zava_cli.data.guard.check import check_query
from zava_cli.infra.errors import AuthorizationError, ConfigurationError
from zava_cli.infra.setting_sources import load_settings
from zava_cli.models.prove import Answer, ProofReport, ProveRequest, Wall
from zava_cli.services.prove.pairs import choose
from zava_cli.services.prove.prove import prove_security
from zava_cli.services.prove.truth import Detector
from zava_cli.services.prove.ways import Terminal, child_environment

GUARD, PRIVILEGES, CONTEXT, TRANSACTION = Wall.GUARD, Wall.PRIVILEGES, Wall.CONTEXT, Wall.TRANSACTION
NO_LIBXML = "the server does not do that"
BEHIND = {"catalog", "connection", "one statement", "export", "several statements"}


async def proof_of(walls: Walls, who: str | None = "Sam Seattle", **request: object) -> ProofReport:
    """The report of the attacks behind the guard and in the terminal."""
    async with opened(walls.target) as provider:
        return await prove_security(provider, who, ProveRequest.model_validate(request), [Terminal(provider)])


def test_there_are_several_hundred_attacks_and_each_has_a_name_of_its_own() -> None:
    attacks = [*set_config_attacks(), *set_attacks(), *reads(), *statements()]
    assert len({attack.name for attack in attacks}) == len(attacks) > 1_000
    assert len({attack.shown for attack in attacks}) > 1_000


async def test_a_sound_database_is_proven_on_every_kind_of_server(walls: Walls) -> None:
    report = await proof_of(walls, pairs=1)
    assert (report.breaches, report.proven) == ([], True)
    assert {score.way for score in report.scores} == {*BEHIND, "terminal"}
    assert {score.wall for score in report.scores} == set(Wall)
    assert all(score.tried == score.held > 0 for score in report.scores)
    assert {gap.reason for gap in report.gaps} <= {NO_LIBXML}
    assert sum(score.tried for score in report.scores) > 2_500


async def test_every_kind_of_manager_attacks_before_a_second_one_of_a_kind(own_walls: Walls) -> None:
    async with opened(own_walls.target) as provider:
        cast = await choose(provider, "Sam Seattle", ("Rita Region",), 20)
    assert [pair.attacker.identity.name for pair in cast.pairs][:2] == ["Sam Seattle", "Rita Region"]
    assert [pair.attacker.identity.name for pair in cast.pairs][2:] == ["Bella Bellevue", "Tom Tacoma"]
    assert [witness.identity.name for witness in cast.witnesses] == ["Hedda Office"]
    report = await proof_of(own_walls, "Rita Region", quick=True)
    assert (report.pairs, report.proven) == (["regional manager against store manager"], True)


async def test_what_a_server_does_not_offer_is_said_and_is_no_failure(own_roles: Walls, own_walls: Walls) -> None:
    managed = await proof_of(own_roles, quick=True)
    assert managed.proven
    assert {wall.missing.split()[0] for wall in managed.missing} >= {"set_config()", "PL/pgSQL", "functions", "large"}
    assert all(wall.remains for wall in managed.missing)
    assert (await proof_of(own_walls, quick=True)).missing == []


async def test_contexts_that_are_not_bound_to_a_connection_are_said(own_walls: Walls) -> None:
    await own_walls.as_superuser("UPDATE security.settings SET bind_backend = false")
    report = await proof_of(own_walls, quick=True)
    assert report.proven
    assert ["pooler" in wall.missing for wall in report.missing] == [True]


UNCHECKED_MAC = (r"<> sha256\(decode\(part\[5\], 'hex'\)\)", "IS NULL")
UNCHECKED_EXPIRY = ("remaining < 0", "remaining IS NULL")
UNCHECKED_DURATION = (r"remaining > 3600 \+ 120", "remaining IS NULL")
UNCHECKED_BACKEND = (r"part\[4\] <> pg_backend_pid\(\)::text", "part[4] IS NULL")


async def _weaken(walls: Walls, weakness: tuple[str, str]) -> None:
    """Replaces the check of the context by one that leaves something out."""
    rows = await walls.as_superuser("SELECT pg_get_functiondef('security.context_manager()'::regprocedure)")
    weakened, places = re.subn(weakness[0], weakness[1], rows[0][0])
    assert places == 1
    await walls.as_superuser(weakened)


def breached(report: ProofReport) -> dict[Wall, set[str]]:
    """Ways by wall of everything that failed."""
    found: dict[Wall, set[str]] = {}
    for breach in report.breaches:
        found.setdefault(breach.wall, set()).add(breach.way)
    return found


BROKEN: dict[str, tuple[list[str], Wall, set[str]]] = {
    "a policy that shows everything": (
        ["CREATE POLICY careless ON retail.orders FOR SELECT USING (true)"],
        CONTEXT, {"connection", "one statement", "export", "terminal"},
    ),
    "a policy that shows every store": (
        ["CREATE POLICY careless ON retail.stores FOR SELECT USING (true)"], CONTEXT, {"one statement", "terminal"},
    ),
    "row security switched off": (
        ["ALTER TABLE retail.customers DISABLE ROW LEVEL SECURITY"], CONTEXT, {"catalog", "one statement", "terminal"},
    ),
    "row security that is not forced": (
        ["ALTER TABLE retail.orders NO FORCE ROW LEVEL SECURITY"], CONTEXT, {"catalog"},
    ),
    "a careless definer function": (
        ["CREATE FUNCTION public.peek() RETURNS text LANGUAGE sql SECURITY DEFINER"
         " AS 'SELECT max(email) FROM retail.customers'"],
        PRIVILEGES, {"catalog"},
    ),
    "a view with its owner's rights": (
        ["CREATE VIEW public.peek AS SELECT * FROM retail.customers", "GRANT SELECT ON public.peek TO PUBLIC"],
        PRIVILEGES, {"catalog", "one statement", "export"},
    ),
    "a right to write": (
        ["GRANT DELETE ON retail.orders TO {store_managers}"], PRIVILEGES, {"catalog", "several statements"},
    ),
    "a right to change one column": (
        ["GRANT UPDATE (role) ON retail.managers TO {head_office}"], PRIVILEGES, {"catalog"},
    ),
    "keys that managers read": (
        ["GRANT SELECT ON security.manager_keys TO {store_managers}"], PRIVILEGES, {"catalog", "one statement"},
    ),
    "temporary tables for everybody": (
        ["GRANT TEMPORARY ON DATABASE {database} TO PUBLIC"], PRIVILEGES, {"catalog"},
    ),
    "a place to create things": (["GRANT CREATE ON SCHEMA public TO PUBLIC"], PRIVILEGES, {"catalog"}),
    "a login that becomes the owner": (["GRANT {owner} TO {gateway}"], PRIVILEGES, {"catalog", "one statement"}),
    "a superuser's login": (["ALTER ROLE {gateway} SUPERUSER"], PRIVILEGES, {"catalog", "several statements"}),
    "a login past row security": (["ALTER ROLE {gateway} BYPASSRLS"], PRIVILEGES, {"catalog"}),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN)
async def test_a_broken_wall_is_named(own_roles: Walls, broken: str) -> None:
    sql, wall, ways = BROKEN[broken]
    orders = await own_roles.as_superuser(
        "SELECT count(*), md5(string_agg(o::text, ',' ORDER BY o)) FROM retail.orders o"
    )
    names = {**own_roles.target.roles.placeholders(), "database": f"{own_roles.role('')}db"}
    for statement in sql:
        await own_roles.as_superuser(statement.format(**names))
    report = await proof_of(own_roles, quick=True)
    assert not report.proven
    assert breached(report).get(wall, set()) >= ways, report.breaches
    assert set(breached(report)) == {wall}, [breach for breach in report.breaches if breach.wall is not wall]
    assert orders == await own_roles.as_superuser(
        "SELECT count(*), md5(string_agg(o::text, ',' ORDER BY o)) FROM retail.orders o"
    )


@pytest.mark.parametrize(
    ("weakness", "attack"),
    [
        (UNCHECKED_MAC, "forged"),
        (UNCHECKED_EXPIRY, "expired"),
        (UNCHECKED_BACKEND, "of another connection"),
        (UNCHECKED_DURATION, "valid for a year"),
    ],
    ids=["signature", "expiry", "connection", "duration"],
)
async def test_a_context_that_is_not_checked_fully_is_named(
    own_walls: Walls, weakness: tuple[str, str], attack: str
) -> None:
    await _weaken(own_walls, weakness)
    report = await proof_of(own_walls, pairs=1)
    assert set(breached(report)) == {CONTEXT}
    assert "connection" in breached(report)[CONTEXT]
    assert any(attack in breach.attack for breach in report.breaches)


async def test_where_everybody_sets_the_context_and_nobody_checks_it_queries_are_named(own_roles: Walls) -> None:
    await _weaken(own_roles, UNCHECKED_MAC)
    report = await proof_of(own_roles, quick=True)
    assert breached(report)[CONTEXT] >= {"connection", "one statement", "export", "several statements"}
    # The guard stands in front of it.
    assert "terminal" not in breached(report)[CONTEXT] and GUARD not in breached(report)


async def test_a_guard_that_lets_a_function_through_is_named(own_walls: Walls, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed = {*names.ALLOWED_FUNCTIONS, "set_config"}
    monkeypatch.setattr(names, "ALLOWED_FUNCTIONS", allowed)
    # What is known of texts was found by the other guard, before and after.
    check_query.cache_clear()
    try:
        report = await proof_of(own_walls, quick=True)
    finally:
        check_query.cache_clear()
    assert breached(report) == {GUARD: {"terminal"}}
    assert all("set_config" in breach.sql.lower() or "0073et" in breach.sql for breach in report.breaches)


async def test_a_connection_that_is_not_reset_is_named(own_walls: Walls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FORGET_EVERYTHING", "")
    report = await proof_of(own_walls, quick=True)
    assert breached(report) == {TRANSACTION: {"several statements"}}


async def test_no_breach_tells_a_value_of_a_row(own_roles: Walls) -> None:
    await own_roles.as_superuser("CREATE POLICY careless ON retail.customers FOR SELECT USING (true)")
    said = (await proof_of(own_roles, quick=True)).model_dump_json()
    assert not re.search(r"@example|bellevue|[0-9a-f]{8}-[0-9a-f]{4}", said, re.IGNORECASE)


class Deaf(Terminal):
    """A way on which nothing that comes back is seen."""

    name = "deaf"

    def open(self, manager):
        inner = super().open(manager)

        class Silent:
            async def __aenter__(self):
                ask = await inner.__aenter__()

                async def mute(sql: str) -> Answer:
                    answer = await ask(sql)
                    own = sql == "SELECT name FROM stores"
                    return answer if own else Answer("", answer.code, answer.sqlstate, answer.truncated)

                return mute

            async def __aexit__(self, *exc: object) -> None:
                await inner.__aexit__(*exc)

        return Silent()


async def test_what_could_not_have_been_noticed_does_not_count_as_held(own_walls: Walls) -> None:
    async with opened(own_walls.target) as provider:
        report = await prove_security(provider, "Sam Seattle", ProveRequest(quick=True), [Deaf(provider)])
    deaf = next(score for score in report.scores if (score.wall, score.way) == (CONTEXT, "deaf"))
    assert (deaf.held, deaf.failed, report.proven) == (0, 0, False)
    assert deaf.not_tried > 0


async def test_the_detector_knows_foreign_rows_from_ones_own(walls: Walls) -> None:
    async with opened(walls.target) as provider:
        cast = await choose(provider, "Sam Seattle", (), 1)
        detector = Detector(provider, cast.witnesses, cast.pairs[0])
        foreign = await walls.as_superuser(
            "SELECT customer_id::text, store_id::text, email FROM retail.customers WHERE last_name = 'Bellevue7'"
        )
        own = await walls.as_superuser("SELECT customer_id::text, store_id::text, email FROM retail.customers"
                                       " WHERE first_name = 'Seattle'")  # fmt: skip
        kinds = ["customer id", "store id", "e-mail address"]
        for value, kind in zip(foreign[0], kinds, strict=True):
            assert await detector.leaks(Answer(f"it says ({value}) there"), "SELECT 1") == [kind]
            assert await detector.leaks(Answer(f"it says {value}"), f"SELECT '{value}'") == []
        for row in own:
            assert await detector.leaks(Answer(" ".join(row))) == []
        assert await detector.leaks(Answer("('2532',)"), "SELECT count(*) FROM orders") == ["number of rows"]
        assert await detector.leaks(Answer("at 2532", "DATABASE_ERROR"), "SELECT count(*) FROM orders") == []
        assert await detector.leaks(Answer("('7',)"), "SELECT count(*) FROM orders") == []
        assert await detector.leaks(Answer("Zava Retail Tacoma")) == ["store name"]
        assert await detector.leaks(Answer("00000000-0000-0000-0000-000000000001 a@b.example")) == []


async def test_without_two_managers_or_with_an_unknown_one_nothing_is_claimed(fresh_target, walls: Walls) -> None:
    async with opened(fresh_target) as provider:
        with pytest.raises(ConfigurationError, match="no two managers"):
            await prove_security(provider, None, ProveRequest(), [])
    with pytest.raises(AuthorizationError):
        await proof_of(walls, "mallory")


async def test_the_processes_of_the_proof_work_with_the_same_settings(
    walls: Walls, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"http_allowed_hosts": ["a.example", "b.example"], "oidc_algorithms": ["RS512", "ES512"], "jit": True}
    settings = walls.target.settings.model_copy(update=given)
    async with opened(walls.target) as provider:
        environment = child_environment(settings, await provider.identify("Sam Seattle"))
    for name in environment.keys() - os.environ.keys():
        monkeypatch.setenv(name, environment[name])
    changed = {"identity", "admin_url", "log_level", "statement_timeout"}
    found = load_settings({}).settings
    assert found.model_dump(exclude=changed) == settings.model_dump(exclude=changed)
    assert found.admin_url is None


async def test_head_office_who_asks_is_the_witness_and_others_attack(own_walls: Walls) -> None:
    report = await proof_of(own_walls, "Hedda Office", quick=True)
    assert report.proven and report.pairs == ["store manager against store manager"]

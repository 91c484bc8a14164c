-- Search by words that ranks few products, however many hold its words.

SET LOCAL ROLE @{owner};

-- For the products of a type, which by itself may hold a word. Those of a category have an index already.
DROP INDEX retail.products_category;
CREATE INDEX products_by_type ON retail.products (type_id);
-- Without it, what descriptions alone hold would be read to see that it is not in the name.
CREATE INDEX products_name_words ON retail.products USING gin (ts_filter(search_text, '{a}'));
-- A SKU is found without its separators, and with others.
DROP INDEX retail.products_by_sku;
CREATE INDEX products_by_plain_sku ON retail.products (lower(regexp_replace(sku, '[^[:alnum:]]', '', 'g')));

GRANT SELECT ON retail.product_types TO @{security};
CREATE POLICY security_product_types ON retail.product_types FOR SELECT TO @{security} USING (true);

SET LOCAL ROLE @{security};

CREATE FUNCTION security.any_word(words text[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(form::text, ' | ')::tsquery
    FROM unnest(words) AS word, plainto_tsquery('english', word) AS form WHERE numnode(form) > 0
$$;
COMMENT ON FUNCTION security.any_word(text[]) IS 'The full-text query for any of these words.';

-- As those of 0016: the catalogue is shared.
CREATE FUNCTION security.products_named(words text[]) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 100 SET search_path = pg_catalog, pg_temp
AS $$
    SELECT product_id FROM retail.products
    WHERE ts_filter(search_text, '{a}') @@@@ (SELECT security.any_word(words))
      AND (SELECT security.context_manager()) IS NOT NULL
$$;
COMMENT ON FUNCTION security.products_named(text[]) IS 'Keys of the products with any of these words in the name or SKU; none without a signed context.';

CREATE OR REPLACE FUNCTION security.products_of_sku(wanted text) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER ROWS 1 SET search_path = pg_catalog, pg_temp
AS $$
    WITH plain AS MATERIALIZED (
        SELECT lower(regexp_replace(wanted, '[^[:alnum:]]', '', 'g')) AS sku
    ), alike AS (
        SELECT product_id, lower(sku) = lower(wanted) AS is_as_written FROM retail.products
        WHERE lower(regexp_replace(sku, '[^[:alnum:]]', '', 'g')) = (SELECT plain.sku FROM plain)
          AND (SELECT security.context_manager()) IS NOT NULL
    )
    SELECT product_id FROM alike
    -- What consists of separators alone is nobody's SKU, but where it is written so.
    WHERE is_as_written OR ((SELECT sku FROM plain) <> '' AND NOT EXISTS (SELECT FROM alike WHERE is_as_written))
$$;
COMMENT ON FUNCTION security.products_of_sku(text) IS 'Keys of the products of a SKU in any case, where none has it with any separators or none; none without a signed context.';

CREATE FUNCTION security.weight(number double precision, total double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
-- The 20 stands for the rest of the catalogue: a term that half of the products hold still says something.
RETURN ln(1 + 20 * total / number);
COMMENT ON FUNCTION security.weight(double precision, double precision) IS 'What a term says that so many of the found products hold.';

-- Volatile, since no other function may EXPLAIN.
CREATE FUNCTION security.products_expected(condition text) RETURNS double precision
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    most CONSTANT integer := 1000;
    counted integer;
    plan json;
BEGIN
    EXECUTE format('SELECT count(*) FROM (SELECT FROM retail.products WHERE %s LIMIT %s) AS those', condition, most)
    INTO counted;
    IF counted < most THEN
        RETURN counted;
    END IF;
    EXECUTE format('EXPLAIN (FORMAT JSON) SELECT FROM retail.products WHERE %s', condition) INTO plan;
    RETURN greatest(counted, (plan -> 0 -> 'Plan' ->> 'Plan Rows')::double precision);
END
$$;
COMMENT ON FUNCTION security.products_expected(text) IS 'How many products fulfil a condition: counted below 1,000, above that as the planner expects.';

CREATE FUNCTION security.sets_of(weights double precision[])
RETURNS TABLE (members integer, weight double precision, lightest double precision)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT members, sum(one), min(one)
    FROM generate_series(1, (1 << cardinality(weights)) - 1) AS members,
         unnest(weights) WITH ORDINALITY AS each (one, place)
    WHERE members & (1 << place::integer - 1) <> 0 GROUP BY members
$$;
COMMENT ON FUNCTION security.sets_of(double precision[]) IS 'Every set of these terms, as bits, with its weight and that of its lightest term.';

CREATE FUNCTION security.holding_enough(terms tsquery[], weights double precision[], enough double precision) RETURNS text
LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
    WITH kinds AS (
        SELECT held, array_agg(type_id) AS types
        FROM (SELECT type_id, bit_or(1 << place::integer - 1) AS held
              FROM retail.product_types, unnest(terms) WITH ORDINALITY AS each (term, place)
              WHERE search_text @@@@ term GROUP BY type_id) AS of_type
        GROUP BY held
        UNION ALL
        SELECT 0, NULL
    ), smallest AS (
        -- Without any of its terms such a set would not weigh enough.
        SELECT members FROM security.sets_of(weights) WHERE weight >= enough AND weight - lightest < enough
    )
    SELECT string_agg(concat_ws(' AND ', 'type_id = ANY (' || quote_literal(types) || ')',
                                'search_text @@@@ ' || quote_literal(query) || '::tsquery'), ' OR ')
    FROM kinds, LATERAL (
        SELECT CASE WHEN bool_and(rest <> 0) THEN string_agg(all_of, ' | ')::tsquery END AS query
        FROM (SELECT DISTINCT members & ~held AS rest FROM smallest) AS sets, LATERAL (
            SELECT string_agg(format('(%s)', term), ' & ') AS all_of
            FROM unnest(terms) WITH ORDINALITY AS each (term, place)
            WHERE rest & (1 << place::integer - 1) <> 0) AS one
    ) AS of_kind
$$;
COMMENT ON FUNCTION security.holding_enough(tsquery[], double precision[], double precision) IS 'The condition that a product holds terms of a weight, in its own text or in the name of its type.';

CREATE TYPE security.ranked_product AS (product_id uuid, sku text, type_id uuid, share double precision);
COMMENT ON TYPE security.ranked_product IS 'A product and the weight of the terms that it holds.';

-- Conditions are texts made of quoted values: with them in place the planner knows how many products fulfil each.
CREATE FUNCTION security.ranked_where(
    condition text, among uuid[], terms tsquery[], weights double precision[], most integer
) RETURNS security.ranked_product[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ranked security.ranked_product[];
BEGIN
    EXECUTE format($ranking$
        WITH found AS MATERIALIZED (
            SELECT product_id, sku, type_id, search_text, ts_filter(search_text, '{a}') AS name_words FROM retail.products
            WHERE %s AND ($1 IS NULL OR product_id IN (SELECT unnest($1)))
            LIMIT $2
        ), compared AS (
            -- What is added in another order is another sum, and would part those that hold the same.
            SELECT product_id, sku, type_id, sum(weight * CASE WHEN name_words @@@@ term THEN 1
                WHEN found.search_text @@@@ term OR kind.search_text @@@@ term THEN 0.7 ELSE 0 END ORDER BY place) AS share
            FROM found JOIN retail.product_types AS kind USING (type_id),
                 unnest($3, $4) WITH ORDINALITY AS each (term, weight, place)
            GROUP BY product_id, sku, type_id
        )
        SELECT coalesce(array_agg(ROW(product_id, sku, type_id, share)::security.ranked_product), '{}') FROM compared
        $ranking$, condition)
    INTO ranked USING among, most, terms, weights;
    RETURN ranked;
END
$$;
COMMENT ON FUNCTION security.ranked_where(text, uuid[], tsquery[], double precision[], integer) IS 'The first products that fulfil a condition, each with the weight of the terms that it holds.';

-- Its filters stand here again: as another text for each question it would be planned for longer than it runs, where
-- the catalogue is small.
CREATE FUNCTION security.ranked_all(
    terms tsquery[], unwanted tsquery, category uuid, lowest bigint, highest bigint, among uuid[],
    without uuid, too_many integer
) RETURNS security.ranked_product[]
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    any_term CONSTANT tsquery := (SELECT string_agg(format('(%s)', term), ' | ') FROM unnest(terms) AS term);
    types CONSTANT uuid[] := ARRAY(SELECT type_id FROM retail.product_types WHERE search_text @@@@ any_term);
BEGIN
    RETURN (
        WITH found AS MATERIALIZED (
            SELECT product_id, sku, type_id, search_text, ts_filter(search_text, '{a}') AS name_words FROM retail.products
            WHERE (search_text @@@@ any_term OR type_id = ANY (types))
              AND (unwanted IS NULL OR NOT ts_filter(search_text, '{a}') @@@@ unwanted)
              AND (category IS NULL OR category_id = category)
              AND (lowest IS NULL OR price_key >= lowest)
              AND (highest IS NULL OR price_key <= highest)
              AND (among IS NULL OR product_id IN (SELECT unnest(among)))
              AND (without IS NULL OR product_id <> without)
            LIMIT too_many
        ), held AS (
            SELECT product_id, sku, found.type_id, place, CASE WHEN name_words @@@@ term THEN 1 ELSE 0.7 END AS worth
            FROM unnest(terms) WITH ORDINALITY AS each (term, place), found
            JOIN retail.product_types AS kind USING (type_id)
            WHERE found.search_text @@@@ term OR kind.search_text @@@@ term
        ), rarity AS (
            SELECT place, security.weight(count(*), (SELECT count(*) FROM found)) AS weight FROM held GROUP BY place
        ), compared AS (
            SELECT product_id, sku, type_id, sum(worth * weight ORDER BY place) AS share
            FROM held JOIN rarity USING (place) GROUP BY product_id, sku, type_id
        )
        SELECT CASE WHEN (SELECT count(*) FROM found) < too_many THEN (
            SELECT coalesce(array_agg(ROW(product_id, sku, type_id, share)::security.ranked_product), '{}')
            FROM compared) END);
END
$$;
COMMENT ON FUNCTION security.ranked_all(tsquery[], tsquery, uuid, bigint, bigint, uuid[], uuid, integer) IS 'Every product that holds any of the terms, with the weight of those; NULL where those are too many.';

-- As search engines do it, what no product that was left out could weigh is known before it is read. First come the
-- products with every term in their names, then those that hold them all, most of their weight, less of it; and no
-- more once those left out cannot be among the best, or would weigh less than half of the best one.
CREATE FUNCTION security.ranked_best(
    terms tsquery[], passing text, among uuid[], most integer, at_once integer
) RETURNS security.ranked_product[]
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The heaviest terms say which products are read: sets of more would be too many.
    in_sets CONSTANT integer := 5;
    -- What is added in another order is another sum.
    hair CONSTANT double precision := 1e-9;
    weights double precision[];
    enough double precision;
    left_out double precision;
    part double precision;
    condition text;
    former text := 'false';
    found security.ranked_product[];
    ranked security.ranked_product[] := '{}';
BEGIN
    SELECT array_agg(term ORDER BY number), array_agg(security.weight(number, total) ORDER BY number)
    INTO terms, weights
    FROM (SELECT *, sum(number) OVER () AS total
          FROM unnest(terms) AS term,
               security.products_expected(security.holding_enough(ARRAY[term], '{1}', 1)) AS number
          WHERE number > 0) AS known;
    -- The first part stands for all of the terms in the name.
    FOREACH part IN ARRAY '{2, 1, 0.75, 0.5, 0.35, 0.2, 0}'::double precision[] LOOP
        enough := greatest(part * (SELECT sum(weight) FROM unnest(weights[:in_sets]) AS weight) - hair, hair);
        condition := CASE WHEN part > 1 THEN (
            SELECT format('ts_filter(search_text, ''{a}'') @@@@ %L::tsquery', string_agg(format('(%s)', term), ' & '))
            FROM unnest(terms[:in_sets]) AS term
        ) ELSE security.holding_enough(terms[:in_sets], weights[:in_sets], enough) END;
        CONTINUE WHEN condition = former;
        found := security.ranked_where(
            format('(%s) AND NOT (%s) AND %s', condition, former, passing), among, terms, weights, at_once);
        ranked := ranked || found;
        former := condition;
        -- The heaviest set that is not enough, and all that is in no set.
        left_out := coalesce((SELECT max(weight) FROM security.sets_of(weights[:in_sets]) WHERE weight < enough), 0)
            + (SELECT coalesce(sum(weight), 0) FROM unnest(weights[in_sets + 1:]) AS weight);
        EXIT WHEN cardinality(found) = at_once OR (
            SELECT count(*) FILTER (WHERE share > left_out - hair) >= most OR max(share) >= 2 * left_out
            FROM unnest(ranked));
    END LOOP;
    RETURN ranked;
END
$$;
COMMENT ON FUNCTION security.ranked_best(tsquery[], text, uuid[], integer, integer) IS 'The products that hold most of the weight of the terms, where too many hold any to rank them all.';

CREATE FUNCTION security.products_by_words(
    terms tsquery[], unwanted text[], category uuid, lowest bigint, highest bigint, among uuid[],
    without uuid, most integer
) RETURNS SETOF security.ranked_product
LANGUAGE plpgsql VOLATILE PARALLEL RESTRICTED SECURITY DEFINER ROWS 50
SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
    too_many CONSTANT integer := 1000;
    at_once CONSTANT integer := 2000;
    unwanted_words CONSTANT tsquery := security.any_word(unwanted);
    passing text;
    ranked security.ranked_product[];
BEGIN
    IF security.context_manager() IS NULL THEN
        RETURN;
    END IF;
    ranked := security.ranked_all(terms, unwanted_words, category, lowest, highest, among, without, too_many);
    IF ranked IS NULL THEN
        passing := concat_ws(' AND ', 'true',
            'NOT ts_filter(search_text, ''{a}'') @@@@ ' || quote_literal(unwanted_words) || '::tsquery',
            'category_id = ' || quote_literal(category), 'price_key >= ' || lowest, 'price_key <= ' || highest,
            'product_id <> ' || quote_literal(without));
        ranked := security.ranked_best(terms, passing, among, most, at_once);
    END IF;
    RETURN QUERY
        SELECT product_id, sku, type_id, share
        FROM (SELECT *, max(share) OVER () AS best FROM unnest(ranked)) AS compared
        WHERE share * 2 > best ORDER BY share DESC, sku LIMIT most;
END
$$;
COMMENT ON FUNCTION security.products_by_words(tsquery[], text[], uuid, bigint, bigint, uuid[], uuid, integer) IS 'The products that hold most of what the terms weigh, best first; none without a signed context.';

-- The others are called by that one alone.
REVOKE ALL ON FUNCTION security.any_word(text[]), security.products_named(text[]),
    security.weight(double precision, double precision), security.products_expected(text),
    security.sets_of(double precision[]),
    security.holding_enough(tsquery[], double precision[], double precision),
    security.ranked_where(text, uuid[], tsquery[], double precision[], integer),
    security.ranked_all(tsquery[], tsquery, uuid, bigint, bigint, uuid[], uuid, integer),
    security.ranked_best(tsquery[], text, uuid[], integer, integer),
    security.products_by_words(tsquery[], text[], uuid, bigint, bigint, uuid[], uuid, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.products_named(text[]), security.products_by_words(tsquery[], text[], uuid, bigint, bigint, uuid[], uuid, integer)
    TO @{store_managers}, @{regional_managers}, @{head_office};

RESET ROLE;

-- An unwanted word does not count against a product that says it lacks it.

SET LOCAL ROLE @{security};

CREATE OR REPLACE FUNCTION security.any_word(words text[]) RETURNS tsquery
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    SELECT string_agg(format('(%s)', form && !!(
        tsquery_phrase(form, 'resist | free | proof') || tsquery_phrase('non | anti', form))), ' | ')::tsquery
    FROM unnest(words) AS word, plainto_tsquery('english', word) AS form WHERE numnode(form) > 0
$$;
COMMENT ON FUNCTION security.any_word(text[]) IS 'The full-text query for any of these words, but for kink-resistant and the like.';

RESET ROLE;

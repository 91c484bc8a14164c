-- The words of product names and types, against which search checks the spelling of a question.

SET LOCAL ROLE @{owner};

CREATE TABLE retail.search_words (
    word text PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE retail.search_words IS 'Words of product names and types, for the spelling of searches; a word stays when its last product goes.';
COMMENT ON COLUMN retail.search_words.word IS 'Lower case, letters only, at least three.';
COMMENT ON COLUMN retail.search_words.created_at IS 'When the row was first written.';
COMMENT ON COLUMN retail.search_words.updated_at IS 'When the row was last written.';
CREATE POLICY owner_search_words ON retail.search_words TO @{owner} USING (true) WITH CHECK (true);
CREATE POLICY shared_search_words ON retail.search_words FOR SELECT
TO @{store_managers}, @{regional_managers}, @{head_office} USING ((SELECT security.context_manager()) IS NOT NULL);
ALTER TABLE retail.search_words ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
GRANT SELECT ON retail.search_words TO @{store_managers}, @{regional_managers}, @{head_office};

-- Whoever writes the catalogue writes them. They go in in order, so that two writers do not wait for each other
-- in a circle.
CREATE FUNCTION retail.keep_search_words() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    INSERT INTO retail.search_words (word)
    SELECT DISTINCT word FROM changed, unnest(tsvector_to_array(to_tsvector('pg_catalog.simple', changed.name))) AS word
    WHERE word ~ '^[[:alpha:]]{3,30}$'
    ORDER BY word
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION retail.keep_search_words() IS 'Adds the words of new and changed names to search_words.';
REVOKE EXECUTE ON FUNCTION retail.keep_search_words() FROM PUBLIC;

CREATE TRIGGER search_words_of_new AFTER INSERT ON retail.products
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION retail.keep_search_words();
CREATE TRIGGER search_words_of_changed AFTER UPDATE ON retail.products
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION retail.keep_search_words();
CREATE TRIGGER search_words_of_new AFTER INSERT ON retail.product_types
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION retail.keep_search_words();
CREATE TRIGGER search_words_of_changed AFTER UPDATE ON retail.product_types
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION retail.keep_search_words();

INSERT INTO retail.search_words (word)
SELECT DISTINCT word
FROM (SELECT name FROM retail.products UNION SELECT name FROM retail.product_types) AS named,
     unnest(tsvector_to_array(to_tsvector('pg_catalog.simple', named.name))) AS word
WHERE word ~ '^[[:alpha:]]{3,30}$';

RESET ROLE;

-- The words of each type's name, which search by words read anew in every search.

SET LOCAL ROLE @{owner};

ALTER TABLE retail.product_types
    ADD COLUMN search_text tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector('english', name)) STORED;
COMMENT ON COLUMN retail.product_types.search_text IS 'Words of the name, for search.';

RESET ROLE;

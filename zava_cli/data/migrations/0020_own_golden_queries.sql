-- A shop's own golden queries, in place of those that are made from the catalogue.

SET LOCAL ROLE @{owner};

ALTER TABLE ops.golden_queries ADD COLUMN is_own boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN ops.golden_queries.is_own IS 'Whether the shop brought it: while there is one, none is made from the catalogue.';

RESET ROLE;

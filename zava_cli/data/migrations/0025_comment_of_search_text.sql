-- The operator in this comment had lost a sign.

SET LOCAL ROLE @{owner};

COMMENT ON COLUMN retail.products.search_text IS
    'Full-text vector of sku, name and description: search_text @@@@ websearch_to_tsquery(''english'', …).';

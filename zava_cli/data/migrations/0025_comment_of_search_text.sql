-- The operator in this comment had lost a sign.

COMMENT ON COLUMN retail.products.search_text IS
    'Full-text vector of sku, name and description: search_text @@@@ websearch_to_tsquery(''english'', …).';

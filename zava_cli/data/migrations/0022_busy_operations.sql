-- A request that found every connection busy is told apart from one that asks too often.

SET LOCAL ROLE @{security};

COMMENT ON COLUMN audit.operations.outcome IS 'ok, refused (by the guard), unauthorized, forged (context), invalid, limited (rate), busy, timeout, cancelled, unavailable or failed.';

RESET ROLE;

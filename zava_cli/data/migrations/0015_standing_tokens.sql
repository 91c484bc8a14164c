-- A server knows a token for a second without asking. So that a revoked one reads nothing in that second, each
-- transaction that is begun for a bearer asks for itself.

SET LOCAL ROLE @{security};

CREATE FUNCTION security.require_token(wanted text) RETURNS void
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF wanted = '' THEN
        RETURN;
    END IF;
    IF NOT EXISTS (SELECT FROM security.tokens t
                   WHERE t.prefix = wanted AND t.revoked_at IS NULL AND t.expires_at > clock_timestamp()) THEN
        RAISE EXCEPTION 'this token has been revoked or has expired' USING ERRCODE = '42501';
    END IF;
END
$$;
COMMENT ON FUNCTION security.require_token(text) IS 'Error 42501 unless the token of that prefix may still be used; an empty text stands for a caller without one.';

REVOKE ALL ON FUNCTION security.require_token(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.require_token(text) TO @{gateway};

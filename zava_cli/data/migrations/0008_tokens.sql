-- Bearer tokens. The table holds no token but an HMAC of it, with a key that never is in the database. The
-- gateway cannot read the table: it presents what a token would hash to and learns whose it is, or nothing.

SET LOCAL ROLE @{security};

CREATE TABLE security.tokens (
    token_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    prefix text NOT NULL UNIQUE CHECK (prefix ~ '^[0-9A-Za-z]{8}$'),
    key_version integer NOT NULL CHECK (key_version > 0),
    token_hmac bytea NOT NULL CHECK (length(token_hmac) = 32),
    database_identity text NOT NULL DEFAULT security.database_identity(),
    manager_id uuid NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    scopes text[] NOT NULL CHECK (scopes <> '{}' AND scopes <@ ARRAY['reports', 'search', 'sql']),
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    created_by text NOT NULL DEFAULT session_user,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE security.tokens IS 'Bearer tokens for MCP over HTTP; never the tokens themselves.';
COMMENT ON COLUMN security.tokens.token_id IS 'Key.';
COMMENT ON COLUMN security.tokens.prefix IS 'The part of the token that names it; no secret.';
COMMENT ON COLUMN security.tokens.key_version IS 'Version of the master key that the HMAC''s key comes from.';
COMMENT ON COLUMN security.tokens.token_hmac IS 'HMAC-SHA-256 of the token.';
COMMENT ON COLUMN security.tokens.database_identity IS 'Database that it was made for; in a restored copy it opens nothing.';
COMMENT ON COLUMN security.tokens.manager_id IS 'The manager whom its bearer is taken for.';
COMMENT ON COLUMN security.tokens.name IS 'What people call it.';
COMMENT ON COLUMN security.tokens.scopes IS 'What it may be used for: reports, search, sql.';
COMMENT ON COLUMN security.tokens.expires_at IS 'When it stops working.';
COMMENT ON COLUMN security.tokens.revoked_at IS 'When it was revoked; NULL while it was not.';
COMMENT ON COLUMN security.tokens.created_by IS 'Login that made it.';
COMMENT ON COLUMN security.tokens.created_at IS 'When it was made.';
COMMENT ON COLUMN security.tokens.updated_at IS 'When the row was last written.';
REVOKE ALL ON security.tokens FROM PUBLIC;

CREATE FUNCTION security.resolve_token(wanted text, hmacs bytea[])
RETURNS TABLE (manager_id uuid, name text, scopes text[], expires_at timestamptz)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    token security.tokens;
    matches boolean;
BEGIN
    SELECT * INTO token FROM security.tokens t WHERE t.prefix = wanted;
    -- Hashed once more, so that the time of the comparison says nothing about the HMAC; also where there is no
    -- such token, so that it says little about that either.
    SELECT bool_or(sha256(h) = sha256(coalesce(token.token_hmac, ''))) INTO matches FROM unnest(hmacs) h;
    IF token.token_id IS NULL OR matches IS NOT TRUE OR token.revoked_at IS NOT NULL
        OR token.expires_at <= clock_timestamp()
        OR token.database_identity <> security.database_identity() THEN
        RETURN;
    END IF;
    RETURN QUERY
        SELECT m.manager_id, token.name, token.scopes, token.expires_at
        FROM retail.managers m WHERE m.manager_id = token.manager_id;
END
$$;
COMMENT ON FUNCTION security.resolve_token(text, bytea[]) IS 'Manager, name, scopes and expiry of a token whose HMAC is among these; nothing when it is unknown, expired or revoked, and no word about which.';

CREATE FUNCTION security.resolve_subject(subject text) RETURNS SETOF uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    -- Upper and lower case count as the same for ASCII letters only: elsewhere a letter that merely looks
    -- alike would stand for somebody else.
    SELECT m.manager_id FROM retail.managers m
    WHERE m.manager_id::text = lower(subject COLLATE "C") OR lower(m.email COLLATE "C") = lower(subject COLLATE "C")
    LIMIT 2
$$;
COMMENT ON FUNCTION security.resolve_subject(text) IS 'Manager of exactly that e-mail or id, as somebody else has verified it; two rows mean ambiguous. Names, stores and cities, which people choose freely, stand for nobody here.';

REVOKE ALL ON FUNCTION security.resolve_token(text, bytea[]), security.resolve_subject(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.resolve_token(text, bytea[]), security.resolve_subject(text),
    security.database_identity() TO @{gateway};

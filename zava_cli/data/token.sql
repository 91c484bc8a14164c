-- name: has_tokens
-- Whether the database has a place for tokens.
SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
               WHERE n.nspname = 'security' AND c.relname = 'tokens')

-- name: manager_named
-- The manager whom a text names, and the database they are in; two rows mean ambiguous.
-- $1 who text
SELECT manager_id, name, database_identity FROM security.resolve_identity($1)

-- name: add_token
-- Adds a token that works for so long; returns when it stops.
-- $1 prefix text, $2 version integer, $3 hmac bytea, $4 manager uuid, $5 name text, $6 scopes text[], $7 life interval
INSERT INTO security.tokens (prefix, key_version, token_hmac, manager_id, name, scopes, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now() + $7)
RETURNING expires_at

-- name: tokens
-- Every token, newest first, with what has become of it.
SELECT t.prefix, t.name, m.name AS manager, t.scopes, t.created_at, t.expires_at, t.revoked_at, t.created_by,
       CASE WHEN t.revoked_at IS NOT NULL THEN 'revoked'
            WHEN t.expires_at <= now() THEN 'expired'
            WHEN m.manager_id IS NULL THEN 'no manager'
            WHEN t.database_identity <> security.database_identity() THEN 'of another database'
            ELSE 'active' END AS state
FROM security.tokens t LEFT JOIN retail.managers m USING (manager_id)
ORDER BY t.created_at DESC, t.prefix

-- name: revoke_token
-- Makes a token worthless from now on.
-- $1 prefix text
UPDATE security.tokens SET revoked_at = now(), updated_at = now() WHERE prefix = $1 AND revoked_at IS NULL

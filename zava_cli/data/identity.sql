-- name: resolve_identity
-- The manager whom a text names, with what is needed to sign for them; two rows mean ambiguous.
-- $1 who text
SELECT manager_id, name, role, accepted_keys, database_identity, time_zone, server_epoch, bind_backend, store_names
FROM security.resolve_identity($1)

-- name: migration_state
-- Newest applied migration, business time zone, data version.
SELECT version, time_zone, data_version FROM security.migration_state()

-- name: reading_state
-- What decides which rows a caller sees at this moment, and as of which data. Evaluated left to right.
-- $1 context text, $2 prefix of the caller's token text
SELECT set_config('zava.context', $1, true), security.require_token($2), security.reading_state()

-- name: key_versions
-- Key versions that the database accepts, oldest first, and their ends.
SELECT version, valid_until FROM security.key_versions()

-- name: database_identity
-- The database that tokens must have been made for.
SELECT security.database_identity() AS database_identity

-- name: resolve_token
-- Whose token it is and what it opens; no row for every other token.
-- $1 prefix text, $2 hmacs bytea[]
SELECT manager_id, name, scopes, expires_at FROM security.resolve_token($1, $2)

-- name: resolve_subject
-- The manager of exactly that e-mail or id; two rows mean ambiguous.
-- $1 subject text
SELECT manager_id FROM security.resolve_subject($1) AS found (manager_id)

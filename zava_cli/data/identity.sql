-- name: resolve_identity
-- The manager whom a text names, with what is needed to sign for them; two rows mean ambiguous.
-- $1 who text
SELECT manager_id, name, role, accepted_keys, database_identity, time_zone, server_epoch, bind_backend, store_names
FROM security.resolve_identity($1)

-- name: migration_state
-- Newest applied migration, business time zone, data version.
SELECT version, time_zone, data_version FROM security.migration_state()

-- name: key_versions
-- Key versions that the database accepts, oldest first, and their ends.
SELECT version, valid_until FROM security.key_versions()

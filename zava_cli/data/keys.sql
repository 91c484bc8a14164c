-- name: lock_keys
-- Lets one process change keys at a time, here and in the key file, until the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('zava keys'))

-- name: bind_backend
-- Says whether a context is good on the connection only that it was made for.
-- $1 bound boolean
UPDATE security.settings SET bind_backend = $1

-- name: database_identity
-- Identity that this database's keys are made for.
SELECT security.database_identity()

-- name: accepted_versions
-- Key versions that are accepted here, oldest first, each with one manager's key to recognise it by.
SELECT DISTINCT ON (version) version, valid_until, manager_id, security.key_check(inner_pad, outer_pad) AS key_check
FROM security.manager_keys
WHERE database_identity = security.database_identity() AND (valid_until IS NULL OR valid_until > clock_timestamp())
ORDER BY version, manager_id

-- name: versions_in_use
-- Key versions that something here still depends on, oldest first; the key file keeps these.
SELECT version FROM security.manager_keys
WHERE database_identity = security.database_identity() AND (valid_until IS NULL OR valid_until > clock_timestamp())
UNION
SELECT key_version FROM security.tokens
WHERE database_identity = security.database_identity() AND revoked_at IS NULL AND expires_at > clock_timestamp()
ORDER BY version

-- name: forget_ended_keys
-- Removes keys whose time is over and keys that were made for the database this is a copy of.
DELETE FROM security.manager_keys
WHERE valid_until <= clock_timestamp() OR database_identity <> security.database_identity()

-- name: managers_without_key
-- Managers and versions that lack a verification key for each other.
-- $1 versions text[]
SELECT m.manager_id, v.version FROM retail.managers m CROSS JOIN unnest($1::text[]::integer[]) AS v (version)
WHERE NOT EXISTS (SELECT FROM security.manager_keys k
                  WHERE k.manager_id = m.manager_id AND k.version = v.version
                    AND k.database_identity = security.database_identity())

-- name: add_key
-- Adds a manager's verification key.
-- $1 manager uuid, $2 version integer, $3 inner bytea, $4 outer bytea, $5 end timestamptz
INSERT INTO security.manager_keys (manager_id, version, database_identity, inner_pad, outer_pad, valid_until)
VALUES ($1, $2, security.database_identity(), $3, $4, $5)

-- name: end_versions
-- Lets every version before the given one end, unless it ends sooner already.
-- $1 version integer, $2 overlap interval
UPDATE security.manager_keys
SET valid_until = least(coalesce(valid_until, 'infinity'), statement_timestamp() + $2::interval), updated_at = now()
WHERE version < $1

-- Several key versions at once: a version that was replaced is accepted until its end. A key counts in the
-- database that it was made for only, and no context may outlive the longest statement by more than two minutes.

SET LOCAL ROLE @{security};

ALTER TABLE security.manager_keys ADD COLUMN valid_until timestamptz;
COMMENT ON COLUMN security.manager_keys.valid_until IS 'When contexts of this version stop being accepted; NULL for the version in use.';

CREATE FUNCTION security.key_check(inner_pad bytea, outer_pad bytea) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
    -- No context reads like this, and a quarter of a MAC over a fixed text gives nothing of the key away.
    SELECT left(encode(sha256(outer_pad || sha256(inner_pad || 'zava key check'::bytea)), 'hex'), 16)
$$;
COMMENT ON FUNCTION security.key_check(bytea, bytea) IS 'What a key is recognised by without being known.';

-- As before, but in a language whose plans are kept: PostgreSQL 16 plans an SQL function anew in each statement.
CREATE OR REPLACE FUNCTION security.database_identity() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT system_identifier::text || '-' || (SELECT oid FROM pg_database WHERE datname = current_database())
            FROM pg_control_system());
END
$$;

CREATE OR REPLACE FUNCTION security.context_manager() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    context text := current_setting('zava.context', true);
    part text[];
    here text;
    pads security.manager_keys;
    message bytea;
    remaining numeric;
BEGIN
    IF context IS NULL OR context = '' THEN
        RETURN NULL;
    END IF;
    IF context !~ '^[1-9][0-9]{0,8}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{1,11}\.[0-9]{1,10}\.[0-9a-f]{64}$' THEN
        RAISE EXCEPTION 'the security context is malformed' USING ERRCODE = '42501';
    END IF;
    part := string_to_array(context, '.');
    here := security.database_identity();
    SELECT * INTO pads FROM security.manager_keys
    WHERE manager_id = part[2]::uuid AND version = part[1]::integer AND database_identity = here;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the security context is not valid' USING ERRCODE = '42501';
    END IF;
    message := convert_to(part[1] || '.' || part[2] || '.' || part[3] || '.' || part[4] || '.' || here, 'UTF8');
    -- Hashed once more, so that the time of the comparison says nothing about the MAC.
    IF sha256(sha256(pads.outer_pad || sha256(pads.inner_pad || message))) <> sha256(decode(part[5], 'hex')) THEN
        RAISE EXCEPTION 'the security context is not valid' USING ERRCODE = '42501';
    END IF;
    IF pads.valid_until <= clock_timestamp() THEN
        RAISE EXCEPTION 'the security context was signed with a key that is no longer accepted'
            USING ERRCODE = '42501';
    END IF;
    remaining := part[3]::bigint - extract(epoch FROM clock_timestamp());
    IF remaining < 0 THEN
        RAISE EXCEPTION 'the security context has expired' USING ERRCODE = '42501';
    END IF;
    -- The longest statement takes an hour; nobody may sign for next year today.
    IF remaining > 3600 + 120 THEN
        RAISE EXCEPTION 'the security context is valid for too long' USING ERRCODE = '42501';
    END IF;
    IF part[4] <> pg_backend_pid()::text AND (SELECT bind_backend FROM security.settings) THEN
        RAISE EXCEPTION 'the security context belongs to another connection' USING ERRCODE = '42501';
    END IF;
    RETURN pads.manager_id;
END
$$;
COMMENT ON FUNCTION security.context_manager() IS 'Manager who signed this transaction''s context; NULL without one; error 42501 when it is forged, altered, expired, valid for too long, of another connection or of a key that has ended.';

DROP FUNCTION security.resolve_identity(text);
CREATE FUNCTION security.resolve_identity(who text)
RETURNS TABLE (manager_id uuid, name text, role text, accepted_keys text[], database_identity text,
               time_zone text, server_epoch double precision, bind_backend boolean,
               store_names text[])
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.manager_id, m.name, m.role,
           ARRAY(SELECT k.version || ':' || security.key_check(k.inner_pad, k.outer_pad)
                 FROM security.manager_keys k
                 WHERE k.manager_id = m.manager_id AND k.database_identity = i.here
                   AND (k.valid_until IS NULL OR k.valid_until > clock_timestamp())
                 ORDER BY k.version),
           i.here, o.time_zone,
           extract(epoch FROM clock_timestamp())::double precision, s.bind_backend,
           ARRAY(SELECT t.name FROM retail.manager_stores ms JOIN retail.stores t USING (store_id)
                 WHERE ms.manager_id = m.manager_id ORDER BY t.name)
    FROM retail.managers m, ops.settings o, security.settings s, security.database_identity() AS i (here)
    WHERE m.manager_id::text = lower(who)
       OR lower(m.email) = lower(who)
       OR lower(m.name) = lower(who)
       OR (m.role = 'head_office' AND lower(who) IN ('head office', 'head_office'))
       OR EXISTS (SELECT FROM retail.stores t
                  WHERE t.manager_id = m.manager_id
                    AND (lower(t.name) = lower(who) OR lower(t.location) = lower(who)
                         OR lower(split_part(t.location, ',', 1)) = lower(who)))
    LIMIT 2
$$;
COMMENT ON FUNCTION security.resolve_identity(text) IS 'Manager of that id, e-mail, name, store name or city, or head office, with what is needed to sign a context; two rows mean ambiguous.';

CREATE FUNCTION security.key_versions()
RETURNS TABLE (version integer, valid_until timestamptz)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT k.version, nullif(max(coalesce(k.valid_until, 'infinity')), 'infinity')
    FROM security.manager_keys k
    WHERE k.database_identity = security.database_identity()
      AND (k.valid_until IS NULL OR k.valid_until > clock_timestamp())
    GROUP BY k.version ORDER BY k.version
$$;
COMMENT ON FUNCTION security.key_versions() IS 'Key versions that are accepted here and until when; no key.';

REVOKE ALL ON FUNCTION security.key_check(bytea, bytea), security.resolve_identity(text), security.key_versions()
    FROM PUBLIC;
-- A transaction's set-up verifies its context, so that keys and clocks that changed are noticed before any query runs.
GRANT EXECUTE ON FUNCTION security.context_manager(), security.resolve_identity(text), security.key_versions()
    TO @{gateway};

-- The signed context. zava.context = version.manager_id.expiry.pid.mac; the MAC is HMAC-SHA-256 (RFC 2104)
-- over its other parts and this database's identity, with a key of the manager's own. The database holds
-- each key's padded forms in a table that only the owner of these functions can read.

SET LOCAL ROLE @{owner};
GRANT USAGE ON SCHEMA retail TO @{security};
GRANT SELECT ON retail.managers, retail.manager_stores TO @{security};

SET LOCAL ROLE @{security};

CREATE SCHEMA security;
COMMENT ON SCHEMA security IS 'Who is asking: keys, and the functions that row-level security stands on.';
REVOKE ALL ON SCHEMA security FROM PUBLIC;
GRANT USAGE ON SCHEMA security TO @{owner}, @{gateway}, @{store_managers}, @{regional_managers}, @{head_office};

CREATE TABLE security.settings (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    bind_backend boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO security.settings DEFAULT VALUES;
COMMENT ON TABLE security.settings IS 'One row of security settings.';
COMMENT ON COLUMN security.settings.only_row IS 'Keeps the table at one row.';
COMMENT ON COLUMN security.settings.bind_backend IS 'Whether a context is valid on the connection it was made for only; off behind a pooler that changes backends.';
COMMENT ON COLUMN security.settings.created_at IS 'When the row was first written.';
COMMENT ON COLUMN security.settings.updated_at IS 'When the row was last written.';

CREATE TABLE security.manager_keys (
    manager_id uuid NOT NULL,
    version integer NOT NULL CHECK (version > 0),
    inner_pad bytea NOT NULL CHECK (length(inner_pad) = 64),
    outer_pad bytea NOT NULL CHECK (length(outer_pad) = 64),
    database_identity text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (manager_id, version)
);
COMMENT ON TABLE security.manager_keys IS 'Each manager''s verification key, as RFC 2104 pads, per key version.';
COMMENT ON COLUMN security.manager_keys.manager_id IS 'The manager whose contexts this key verifies.';
COMMENT ON COLUMN security.manager_keys.version IS 'Version of the master key it comes from.';
COMMENT ON COLUMN security.manager_keys.inner_pad IS 'Key XOR 0x36 repeated.';
COMMENT ON COLUMN security.manager_keys.outer_pad IS 'Key XOR 0x5c repeated.';
COMMENT ON COLUMN security.manager_keys.database_identity IS 'Database that the key was made for; in a restored copy `zava db migrate` makes new ones.';
COMMENT ON COLUMN security.manager_keys.created_at IS 'When the row was first written.';
COMMENT ON COLUMN security.manager_keys.updated_at IS 'When the row was last written.';
REVOKE ALL ON security.settings, security.manager_keys FROM PUBLIC;

-- The cluster's identifier and this database's oid: neither travels in a dump, so a restored copy
-- has another identity and every context made for the original is worthless there.
CREATE FUNCTION security.database_identity() RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT system_identifier::text || '-' || (SELECT oid FROM pg_database WHERE datname = current_database())
    FROM pg_control_system()
$$;
COMMENT ON FUNCTION security.database_identity() IS 'Identity of this database in this cluster; part of every signed context.';

CREATE FUNCTION security.context_manager() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    context text := current_setting('zava.context', true);
    part text[];
    pads security.manager_keys;
    message bytea;
BEGIN
    IF context IS NULL OR context = '' THEN
        RETURN NULL;
    END IF;
    IF context !~ '^[1-9][0-9]{0,8}\.[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[0-9]{1,11}\.[0-9]{1,10}\.[0-9a-f]{64}$' THEN
        RAISE EXCEPTION 'the security context is malformed' USING ERRCODE = '42501';
    END IF;
    part := string_to_array(context, '.');
    SELECT * INTO pads FROM security.manager_keys
    WHERE manager_id = part[2]::uuid AND version = part[1]::integer;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the security context is not valid' USING ERRCODE = '42501';
    END IF;
    message := convert_to(
        part[1] || '.' || part[2] || '.' || part[3] || '.' || part[4] || '.' || security.database_identity(), 'UTF8');
    -- Hashed once more, so that the time of the comparison says nothing about the MAC.
    IF sha256(sha256(pads.outer_pad || sha256(pads.inner_pad || message))) <> sha256(decode(part[5], 'hex')) THEN
        RAISE EXCEPTION 'the security context is not valid' USING ERRCODE = '42501';
    END IF;
    IF part[3]::bigint < extract(epoch FROM clock_timestamp()) THEN
        RAISE EXCEPTION 'the security context has expired' USING ERRCODE = '42501';
    END IF;
    IF part[4] <> pg_backend_pid()::text AND (SELECT bind_backend FROM security.settings) THEN
        RAISE EXCEPTION 'the security context belongs to another connection' USING ERRCODE = '42501';
    END IF;
    RETURN pads.manager_id;
END
$$;
COMMENT ON FUNCTION security.context_manager() IS 'Manager who signed this transaction''s context; NULL without one; error 42501 when it is forged, altered, expired or of another connection.';

CREATE FUNCTION security.allowed_store_id() RETURNS uuid
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT store_id FROM retail.manager_stores
    WHERE manager_id = security.context_manager() ORDER BY store_id LIMIT 1
$$;
COMMENT ON FUNCTION security.allowed_store_id() IS 'The one store of a store manager; NULL means none.';

CREATE FUNCTION security.allowed_store_ids() RETURNS uuid[]
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT coalesce(array_agg(store_id), '{}') FROM retail.manager_stores
    WHERE manager_id = security.context_manager()
$$;
COMMENT ON FUNCTION security.allowed_store_ids() IS 'The stores of the manager who signed the context.';

CREATE FUNCTION security.sees_all_stores() RETURNS boolean
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT EXISTS (SELECT FROM retail.managers
                   WHERE manager_id = security.context_manager() AND role = 'head_office')
$$;
COMMENT ON FUNCTION security.sees_all_stores() IS 'Whether the manager who signed the context belongs to head office.';

CREATE FUNCTION security.resolve_identity(who text)
RETURNS TABLE (manager_id uuid, name text, role text, key_version integer, database_identity text,
               time_zone text, server_epoch double precision, bind_backend boolean, store_names text[])
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT m.manager_id, m.name, m.role,
           (SELECT max(k.version) FROM security.manager_keys k WHERE k.manager_id = m.manager_id),
           security.database_identity(), o.time_zone,
           extract(epoch FROM clock_timestamp())::double precision, s.bind_backend,
           ARRAY(SELECT t.name FROM retail.manager_stores ms JOIN retail.stores t USING (store_id)
                 WHERE ms.manager_id = m.manager_id ORDER BY t.name)
    FROM retail.managers m, ops.settings o, security.settings s
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

CREATE FUNCTION security.migration_state()
RETURNS TABLE (version integer, time_zone text, data_version bigint)
LANGUAGE sql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT (SELECT max(version) FROM ops.schema_migrations), time_zone, data_version FROM ops.settings
$$;
COMMENT ON FUNCTION security.migration_state() IS 'Newest applied migration, business time zone and data version; no data.';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA security FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.allowed_store_id(), security.allowed_store_ids(), security.sees_all_stores(),
    security.context_manager()
    TO @{owner}, @{store_managers}, @{regional_managers}, @{head_office};
GRANT EXECUTE ON FUNCTION security.resolve_identity(text), security.migration_state() TO @{gateway};

SET LOCAL ROLE @{owner};
GRANT SELECT ON retail.stores TO @{security};

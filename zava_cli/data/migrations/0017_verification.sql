-- The same verification at a third of its price. Every mention of a table in a statement verifies the context once,
-- so that a search does it a dozen times.

SET LOCAL ROLE @{security};

-- Neither of its parts can change while a server process lives, and no plan outlives that: it is worked out once for
-- each plan instead of in every call, which read the cluster's control file.
ALTER FUNCTION security.database_identity() IMMUTABLE;

CREATE OR REPLACE FUNCTION security.context_manager() RETURNS uuid
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- The longest that is well formed has 134 characters, so that no longer one becomes so by being cut.
    context text := left(current_setting('zava.context', true), 135);
    part text[];
    here text;
    pads security.manager_keys;
    message bytea;
    remaining numeric;
BEGIN
    IF context IS NULL OR context = '' THEN
        RETURN NULL;
    END IF;
    part := string_to_array(context, '.');
    -- Lengths are measured one by one: an expression that counts took half of the time of the whole.
    IF context !~ '^[1-9][0-9]*\.[0-9a-f-]+\.[0-9]+\.[0-9]+\.[0-9a-f]+$'
        OR length(part[1]) > 9
        OR part[2] NOT LIKE '________-____-____-____-____________'
        OR length(replace(part[2], '-', '')) <> 32
        OR length(part[3]) > 11 OR length(part[4]) > 10 OR length(part[5]) <> 64 THEN
        RAISE EXCEPTION 'the security context is malformed' USING ERRCODE = '42501';
    END IF;
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

RESET ROLE;

-- What an answer that was kept depends on. Whoever gives one out again asks first, in the caller's own signed
-- context, so that a key, a role or a store that was taken away ends it in that moment.

SET LOCAL ROLE @{owner};

-- A right that was given and taken again leaves the rows as they were; the version tells that it happened.
CREATE FUNCTION ops.rights_changed() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    UPDATE ops.settings SET data_version = data_version + 1, updated_at = now();
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION ops.rights_changed() IS 'Raises the data version when it changed who may see what.';
REVOKE ALL ON FUNCTION ops.rights_changed() FROM PUBLIC;

CREATE TRIGGER rights_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON retail.managers
    FOR EACH STATEMENT EXECUTE FUNCTION ops.rights_changed();
CREATE TRIGGER rights_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON retail.manager_stores
    FOR EACH STATEMENT EXECUTE FUNCTION ops.rights_changed();
ALTER TABLE retail.managers ENABLE ALWAYS TRIGGER rights_changed;
ALTER TABLE retail.manager_stores ENABLE ALWAYS TRIGGER rights_changed;

SET LOCAL ROLE @{security};

CREATE FUNCTION security.reading_state() RETURNS text
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    asking uuid := security.context_manager();
BEGIN
    RETURN (SELECT concat_ws(' ', o.data_version, o.time_zone, (now() AT TIME ZONE o.time_zone)::date, m.role,
                             (SELECT string_agg(s.store_id::text, ',' ORDER BY s.store_id)
                              FROM retail.manager_stores s WHERE s.manager_id = asking))
            FROM retail.managers m, ops.settings o WHERE m.manager_id = asking);
END
$$;
COMMENT ON FUNCTION security.reading_state() IS 'Data version, time zone, business date, role and stores for the manager who signed the context; NULL without one, errors as for context_manager.';

REVOKE ALL ON FUNCTION security.reading_state() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION security.reading_state() TO @{gateway};

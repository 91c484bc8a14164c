-- Takes functions that change settings, run SQL from text or write outside of tables away from everybody but
-- those who need them.
-- Only a superuser can; elsewhere the signed context stands without it, and `zava health` says so.

DO $functions$
DECLARE
    target regprocedure;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    FOR target IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND (proname ~ '^(query|cursor|table|schema|database)_to_xml'
               OR proname IN ('set_config', 'ts_stat', 'lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message')
               OR oid = 'pg_catalog.ts_rewrite(tsquery,text)'::regprocedure)
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', target);
    END LOOP;
    GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO @{gateway}, @{owner};
    REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC;
    GRANT USAGE ON LANGUAGE plpgsql TO @{owner}, @{security};
END
$functions$;

-- Closes functions that count everybody's transactions and log, which migration 0010 left open: those of the control
-- file say the next number, and the others tell a number that has been given out from one that has not.
-- Only a superuser can; elsewhere the guard alone refuses them.

DO $counters$
DECLARE
    target regprocedure;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    FOR target IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND (proname ~ '^pg_control_(checkpoint|recovery)$|^(pg_xact|txid)_status$|^pg_xact_commit_timestamp'
               OR proname ~ '^pg_last_(committed_xact|wal_|xact_)|wal_summar|^pg_get_multixact_')
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', target);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO @{owner}, pg_monitor', target);
    END LOOP;
END
$counters$;

-- Closes what PostgreSQL tells every login about rows that it may not see: their number, size and place.

SET LOCAL ROLE @{owner};

-- Column by column, and so without the system columns: `ctid` and `xmin` of one's own rows tell how many rows of
-- others lie between them. A migration that adds a column to these tables grants it as well.
DO $columns$
DECLARE
    target text;
    readable text;
BEGIN
    FOREACH target IN ARRAY ARRAY['customers', 'orders', 'order_items', 'inventory', 'stores', 'managers', 'manager_stores']
    LOOP
        SELECT string_agg(quote_ident(attname), ', ') INTO readable FROM pg_attribute
        WHERE attrelid = format('retail.%I', target)::regclass AND attnum > 0 AND NOT attisdropped;
        EXECUTE format('REVOKE SELECT ON retail.%I FROM @{store_managers}, @{regional_managers}', target);
        EXECUTE format('GRANT SELECT (%s) ON retail.%I TO @{store_managers}, @{regional_managers}', readable, target);
    END LOOP;
END
$columns$;

RESET ROLE;

-- Only a superuser can do the rest; elsewhere the guard alone refuses it.
DO $totals$
DECLARE
    target regprocedure;
    readable text;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RETURN;
    END IF;
    SELECT string_agg(quote_ident(attname), ', ') INTO readable FROM pg_attribute
    WHERE attrelid = 'pg_catalog.pg_class'::regclass AND attnum > 0 AND NOT attisdropped
      AND attname NOT IN ('relpages', 'reltuples', 'relallvisible', 'relallfrozen', 'relfrozenxid', 'relminmxid');
    REVOKE SELECT ON pg_catalog.pg_class FROM PUBLIC;
    EXECUTE format('GRANT SELECT (%s) ON pg_catalog.pg_class TO PUBLIC', readable);
    -- pg_dump reads the rest, and so does a monitor.
    GRANT SELECT ON pg_catalog.pg_class TO @{owner}, pg_monitor;
    FOR target IN
        SELECT oid FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace
          AND (proname ~ '^pg_stat_get_|^pg_current_wal_|^pg_isolation_test_'
               OR proname IN ('pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size',
                              'pg_database_size', 'pg_tablespace_size', 'pg_lock_status', 'pg_blocking_pids',
                              'pg_safe_snapshot_blocking_pids', 'pg_export_snapshot', 'pg_current_snapshot',
                              'pg_current_xact_id', 'txid_current_snapshot', 'txid_current',
                              'pg_notification_queue_usage', 'setseed', 'mxid_age')
               -- Tells how many transactions others have made.
               OR oid = 'pg_catalog.age(xid)'::regprocedure)
    LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', target);
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO @{owner}, pg_monitor', target);
    END LOOP;
    -- Health looks up whether its own connection is encrypted.
    GRANT EXECUTE ON FUNCTION pg_catalog.pg_stat_get_activity(integer) TO @{gateway};
END
$totals$;

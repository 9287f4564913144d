-- Lets the role retake_worker use the tables of runs and of the queue, and create, change or drop none of them.
-- Run it once as the owner of the tables: psql -f worker-role.sql "$RETAKE_FLOW_STORE"
-- The role itself is made by an administrator: createuser --pwprompt retake_worker
\set ON_ERROR_STOP on
BEGIN;
CREATE SCHEMA IF NOT EXISTS retake_flow_queue;
-- PostgreSQL 14 and older let everybody create tables there. Only the owner of the schema can change that.
DO $$ BEGIN
    IF pg_has_role((SELECT nspowner FROM pg_namespace WHERE nspname = 'public'), 'USAGE') THEN
        REVOKE CREATE ON SCHEMA public FROM PUBLIC;
    END IF;
END $$;
GRANT USAGE ON SCHEMA public, retake_flow_queue TO retake_worker;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public, retake_flow_queue TO retake_worker;
GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public, retake_flow_queue TO retake_worker;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA retake_flow_queue TO retake_worker;
-- The same for tables that the owner creates later, as at an update.
ALTER DEFAULT PRIVILEGES IN SCHEMA public, retake_flow_queue
    GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO retake_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA public, retake_flow_queue GRANT USAGE, SELECT ON SEQUENCES TO retake_worker;
ALTER DEFAULT PRIVILEGES IN SCHEMA retake_flow_queue GRANT EXECUTE ON FUNCTIONS TO retake_worker;
COMMIT;

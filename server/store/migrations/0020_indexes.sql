-- The newest deployments of a project, whatever their environment.
CREATE INDEX deployments_by_run ON deployments (project_id, run_id, job_id);
-- Rare actions, without a walk of the whole trail.
CREATE INDEX audit_by_action ON audit (action, id);

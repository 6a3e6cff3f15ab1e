-- What planning needs again when a run grows: only for runs with a job that generates others.
CREATE TABLE run_inputs (
    run_id INTEGER PRIMARY KEY REFERENCES runs(id),
    input  TEXT NOT NULL                   -- plan::Input without its event, JSON
);

-- Digests under which an object store may have something that no row of `blobs` tells of: a move there, or a removal,
-- was begun and its end is not known (docs/decisions/0029).
CREATE TABLE blob_doubts (
    digest     TEXT PRIMARY KEY,
    attempt_id INTEGER                  -- who moves it there; NULL = it is to be removed
) WITHOUT ROWID;

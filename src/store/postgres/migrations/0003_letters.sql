-- The monthly letters: when each was due and taken, as the replica that holds the lease of the notices wrote it, and who confirmed it.
-- Only ever added to.
CREATE TABLE letters (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event TEXT NOT NULL,
    changed XID8 NOT NULL DEFAULT pg_current_xact_id()
);

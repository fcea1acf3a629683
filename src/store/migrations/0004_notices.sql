-- What was told to whom, and what waits to be sent: the ledger of the notices, written by the daemon alone.
CREATE TABLE notices (
    name TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

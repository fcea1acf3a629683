-- What people did with the Apple Accounts (duties). Only ever added to.
CREATE TABLE duties (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    account TEXT NOT NULL,
    done TEXT NOT NULL
) STRICT;

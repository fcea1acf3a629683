-- Alerts on purpose (drills). Only ever added to.
CREATE TABLE drills (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    drill TEXT NOT NULL
) STRICT;

-- The monthly letters: when each was due, when it was taken, who confirmed it. Only ever added to.
CREATE TABLE letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event TEXT NOT NULL
) STRICT;

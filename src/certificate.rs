//! Any file an admin may hold, turned into facts. No I/O.

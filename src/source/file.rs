//! Certificate files on disk.

-- What one source of a tenant told, last and before: a JSON document, written by the daemon alone.
CREATE TABLE source_memory (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    memory TEXT NOT NULL,
    PRIMARY KEY (tenant, source)
) STRICT;

-- The topic a tenant must keep. Written by the daemon (at first sight, and from the configuration) and by people.
CREATE TABLE pins (
    tenant TEXT NOT NULL PRIMARY KEY,
    pin TEXT NOT NULL
) STRICT;

-- What people attested. Only ever added to.
CREATE TABLE attestations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant TEXT NOT NULL,
    attestation TEXT NOT NULL
) STRICT;

CREATE INDEX attestations_by_tenant ON attestations (tenant);

-- The tenants that were configured when the daemon last read its configuration, and since when one of them is missing
-- (RFC 3339). A retired tenant has no row.
CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    missing_since TEXT
) STRICT;

-- `changed` is the transaction that wrote a row: a reader that remembers which transactions were over when it last looked finds all rows
-- of later ones, in whatever order they end.

-- What one source of a tenant told, last and before: a JSON document, written by the replica that holds the lease of the source.
CREATE TABLE source_memory (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    memory TEXT NOT NULL,
    changed XID8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (tenant, source)
);
CREATE INDEX source_memory_changed ON source_memory (changed);

-- The topic a tenant must keep. Written by replicas (at first sight, and from the configuration) and by people.
CREATE TABLE pins (
    tenant TEXT NOT NULL PRIMARY KEY,
    pin TEXT NOT NULL,
    changed XID8 NOT NULL DEFAULT pg_current_xact_id()
);

-- What people attested. Only ever added to.
CREATE TABLE attestations (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant TEXT NOT NULL,
    attestation TEXT NOT NULL,
    changed XID8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX attestations_changed ON attestations (changed);
CREATE INDEX attestations_by_tenant ON attestations (tenant);

-- What people did with the Apple Accounts (duties). Only ever added to.
CREATE TABLE duties (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account TEXT NOT NULL,
    done TEXT NOT NULL,
    changed XID8 NOT NULL DEFAULT pg_current_xact_id()
);

-- Alerts on purpose (drills). Only ever added to.
CREATE TABLE drills (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    drill TEXT NOT NULL,
    changed XID8 NOT NULL DEFAULT pg_current_xact_id()
);

-- The tenants that were configured when a replica last read its configuration, and since when one of them is missing
-- (RFC 3339). A retired tenant has no row.
CREATE TABLE tenants (
    tenant TEXT NOT NULL PRIMARY KEY,
    missing_since TEXT
);

-- Which replica polls a source, until when nobody else may, and when anybody may poll it next. By the clock of the database.
CREATE TABLE leases (
    tenant TEXT NOT NULL,
    source TEXT NOT NULL,
    owner TEXT NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    next_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (tenant, source)
);

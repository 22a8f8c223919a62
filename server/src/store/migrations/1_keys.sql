-- One row: what all nodes of a deployment share.
CREATE TABLE deployment (
    id BIGINT NOT NULL PRIMARY KEY,
    -- Goes up with every change of the table `keys`; running servers look at it.
    key_revision BIGINT NOT NULL,
    -- Derived from the master key one way, so that a wrong one is noticed; empty before the first start.
    master_key_check TEXT NOT NULL
);

INSERT INTO deployment (id, key_revision, master_key_check) VALUES (1, 0, '');

-- Lists are JSON arrays of text; times are Unix seconds, 0 for never.
CREATE TABLE keys (
    -- What the key is called: `pk_id_…` or `sk_id_…`. It opens nothing.
    id TEXT NOT NULL PRIMARY KEY,
    -- `publishable` or `secret`.
    kind TEXT NOT NULL,
    -- Of a publishable key the SHA-256 in hexadecimal, else empty.
    digest TEXT NOT NULL,
    name TEXT NOT NULL,
    channels TEXT NOT NULL,
    actions TEXT NOT NULL,
    origins TEXT NOT NULL,
    -- 1 when clients are told the server's ICE servers.
    turn BIGINT NOT NULL,
    -- The newest generation of a secret, and the oldest that is still valid.
    generation BIGINT NOT NULL,
    oldest_generation BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT NOT NULL
);

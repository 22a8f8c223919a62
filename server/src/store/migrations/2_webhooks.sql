-- What happened in the channels, for webhooks. Numbers go up by one and are never used twice.
CREATE TABLE webhook_events (
    event_number BIGINT NOT NULL PRIMARY KEY,
    -- Milliseconds of Unix time.
    at BIGINT NOT NULL,
    -- The JSON object that the receiver gets, without its cursor.
    event TEXT NOT NULL
);

CREATE INDEX webhook_events_by_time ON webhook_events (at);

-- One row: the newest event and the last one that the receiver took.
CREATE TABLE webhook_progress (
    written BIGINT NOT NULL,
    told BIGINT NOT NULL
);

INSERT INTO webhook_progress (written, told) VALUES (0, 0);

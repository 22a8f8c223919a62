-- Most sockets at once that a key may admit; 0 is no limit of its own.
ALTER TABLE keys ADD COLUMN max_connections BIGINT NOT NULL DEFAULT 0;

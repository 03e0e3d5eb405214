-- What ids have been given so far: none up to the mark is given again.
CREATE TABLE IF NOT EXISTS id_marks (
	place BIGINT NOT NULL PRIMARY KEY,	-- node and shard
	mark  BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- What ids have been given so far: none up to the mark is given again.
CREATE TABLE IF NOT EXISTS id_marks (
	place INTEGER NOT NULL PRIMARY KEY,	-- node and shard
	mark  INTEGER NOT NULL
);

-- Small documents of modules that need no table of their own.
CREATE TABLE IF NOT EXISTS documents (
	owner      TEXT NOT NULL,
	collection TEXT NOT NULL,
	key        TEXT NOT NULL,
	text       TEXT NOT NULL,
	PRIMARY KEY (owner, collection, key)
) WITHOUT ROWID;

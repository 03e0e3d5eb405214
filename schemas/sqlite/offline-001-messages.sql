-- Messages for who is not there; ids are microseconds since 1970, or one more than the last.
CREATE TABLE IF NOT EXISTS offline (
	owner  TEXT    NOT NULL,
	id     INTEGER NOT NULL,
	stanza TEXT    NOT NULL,
	PRIMARY KEY (owner, id)
) WITHOUT ROWID;

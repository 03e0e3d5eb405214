-- When each account was last online, and what it said as it went.
CREATE TABLE IF NOT EXISTS last (
	owner TEXT    NOT NULL PRIMARY KEY,
	at    INTEGER NOT NULL,		-- seconds since 1970
	words TEXT
) WITHOUT ROWID;

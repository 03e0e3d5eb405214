-- What clients can do, by the verified hash in their presence; "owner" is the domain that
-- asked, and all its accounts share it.
CREATE TABLE IF NOT EXISTS caps (
	owner    TEXT    NOT NULL,
	hash     TEXT    NOT NULL,	-- "sha-1"
	ver      TEXT    NOT NULL,
	features TEXT    NOT NULL,	-- one a line
	learned  INTEGER NOT NULL,	-- seconds since 1970
	PRIMARY KEY (owner, hash, ver)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS caps_by_age ON caps (owner, learned);

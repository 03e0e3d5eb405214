-- Accounts, what they prove themselves by, whom they know, and the server's own secrets.
-- "owner" is the bare address everywhere: one account's rows lie together.

CREATE TABLE IF NOT EXISTS accounts (
	owner          TEXT    NOT NULL PRIMARY KEY,
	domain         TEXT    NOT NULL,
	created        INTEGER NOT NULL,	-- seconds since 1970
	disabled       INTEGER NOT NULL DEFAULT 0,
	reserved_until INTEGER NOT NULL DEFAULT 0,	-- not 0: erased, the name is not given away until then
	roster_version INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS accounts_by_domain ON accounts (domain, owner);

CREATE TABLE IF NOT EXISTS credentials (
	owner      TEXT    NOT NULL,
	hash       INTEGER NOT NULL,	-- 0: SHA-1, 1: SHA-256, 2: SHA-512
	iterations INTEGER NOT NULL,
	salt       BLOB    NOT NULL,
	stored_key BLOB    NOT NULL,
	server_key BLOB    NOT NULL,
	PRIMARY KEY (owner, hash)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS roster (
	owner       TEXT    NOT NULL,
	contact     TEXT    NOT NULL,
	name        TEXT,
	groups      TEXT    NOT NULL DEFAULT '',	-- separated by U+001F
	how         INTEGER NOT NULL,	-- 0: none, 1: to, 2: from, 3: both
	pending_out INTEGER NOT NULL,
	pending_in  INTEGER NOT NULL,
	approved    INTEGER NOT NULL,
	listed      INTEGER NOT NULL,	-- 0: known only by a request that waits
	request     TEXT,		-- the stanza of that request
	version     INTEGER NOT NULL,
	PRIMARY KEY (owner, contact)
) WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS secrets (
	name  TEXT NOT NULL PRIMARY KEY,
	value BLOB NOT NULL
) WITHOUT ROWID;

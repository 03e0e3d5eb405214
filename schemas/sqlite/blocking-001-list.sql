-- Whom each account has blocked: a full or bare address, or a domain.
CREATE TABLE IF NOT EXISTS blocking (
	owner TEXT NOT NULL,
	jid   TEXT NOT NULL,
	PRIMARY KEY (owner, jid)
) WITHOUT ROWID;

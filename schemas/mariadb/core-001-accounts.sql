-- Accounts, what they prove themselves by, whom they know, and the server's own secrets.
-- "owner" is the bare address everywhere: one account's rows lie together.

CREATE TABLE IF NOT EXISTS accounts (
	owner          VARBINARY(2047) NOT NULL PRIMARY KEY,
	domain         VARBINARY(1023) NOT NULL,
	created        BIGINT NOT NULL,	-- seconds since 1970
	disabled       BIGINT NOT NULL DEFAULT 0,
	reserved_until BIGINT NOT NULL DEFAULT 0,	-- not 0: erased, the name is not given away until then
	roster_version BIGINT NOT NULL DEFAULT 0,
	INDEX accounts_by_domain (domain, owner)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS credentials (
	owner      VARBINARY(2047) NOT NULL,
	hash       BIGINT          NOT NULL,	-- 0: SHA-1, 1: SHA-256, 2: SHA-512
	iterations BIGINT          NOT NULL,
	salt       VARBINARY(255)  NOT NULL,
	stored_key VARBINARY(255)  NOT NULL,
	server_key VARBINARY(255)  NOT NULL,
	PRIMARY KEY (owner, hash)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS roster (
	owner       VARBINARY(2047) NOT NULL,
	contact     VARBINARY(3071) NOT NULL,
	rest        VARBINARY(32)   NOT NULL
		DEFAULT (if(length(contact) > 768, unhex(sha2(contact, 256)), '')),
	name        MEDIUMTEXT,
	groups      MEDIUMTEXT      NOT NULL DEFAULT '',	-- separated by U+001F
	how         BIGINT          NOT NULL,	-- 0: none, 1: to, 2: from, 3: both
	pending_out BIGINT          NOT NULL,
	pending_in  BIGINT          NOT NULL,
	approved    BIGINT          NOT NULL,
	listed      BIGINT          NOT NULL,	-- 0: known only by a request that waits
	request     MEDIUMTEXT,			-- the stanza of that request
	version     BIGINT          NOT NULL,
	PRIMARY KEY (owner, contact(768), rest)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

CREATE TABLE IF NOT EXISTS secrets (
	name  VARBINARY(255) NOT NULL PRIMARY KEY,
	value MEDIUMBLOB     NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

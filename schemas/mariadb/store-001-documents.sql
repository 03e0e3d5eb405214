-- Small documents of modules that need no table of their own.
CREATE TABLE IF NOT EXISTS documents (
	owner      VARBINARY(2047) NOT NULL,
	collection VARBINARY(64)   NOT NULL,
	`key`      VARBINARY(8192) NOT NULL,
	rest       VARBINARY(32)   NOT NULL
		DEFAULT (if(length(`key`) > 768, unhex(sha2(`key`, 256)), '')),
	text       MEDIUMTEXT      NOT NULL,
	PRIMARY KEY (owner, collection, `key`(768), rest)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

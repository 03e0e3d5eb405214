-- When each account was last online, and what it said as it went.
CREATE TABLE IF NOT EXISTS last (
	owner VARBINARY(2047) NOT NULL PRIMARY KEY,
	at    BIGINT          NOT NULL,		-- seconds since 1970
	words MEDIUMTEXT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

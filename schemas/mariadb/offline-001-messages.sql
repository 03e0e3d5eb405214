-- Messages for who is not there; ids are microseconds since 1970, or one more than the last.
CREATE TABLE IF NOT EXISTS offline (
	owner  VARBINARY(2047) NOT NULL,
	id     BIGINT          NOT NULL,
	stanza MEDIUMTEXT      NOT NULL,
	PRIMARY KEY (owner, id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

-- What clients can do, by the verified hash in their presence; "owner" is the domain that
-- asked, and all its accounts share it.
CREATE TABLE IF NOT EXISTS caps (
	owner    VARBINARY(1023) NOT NULL,
	hash     VARBINARY(64)   NOT NULL,	-- "sha-1"
	ver      VARBINARY(128)  NOT NULL,
	features MEDIUMTEXT      NOT NULL,	-- one a line
	learned  BIGINT          NOT NULL,	-- seconds since 1970
	PRIMARY KEY (owner, hash, ver),
	INDEX caps_by_age (owner, learned)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

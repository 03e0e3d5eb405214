-- Each account's card and the SHA-1 of its photo in hex ('' without a photo).
CREATE TABLE IF NOT EXISTS vcard (
	owner VARBINARY(2047) NOT NULL PRIMARY KEY,
	card  MEDIUMTEXT      NOT NULL,
	photo VARBINARY(64)   NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

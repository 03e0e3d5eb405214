-- Each account's card and the SHA-1 of its photo in hex ('' without a photo).
CREATE TABLE IF NOT EXISTS vcard (
	owner TEXT NOT NULL PRIMARY KEY,
	card  TEXT NOT NULL,
	photo TEXT NOT NULL
) WITHOUT ROWID;

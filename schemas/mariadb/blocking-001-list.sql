-- Whom each account has blocked: a full or bare address, or a domain.
CREATE TABLE IF NOT EXISTS blocking (
	owner VARBINARY(2047) NOT NULL,
	jid   VARBINARY(3071) NOT NULL,
	rest  VARBINARY(32)   NOT NULL
		DEFAULT (if(length(jid) > 768, unhex(sha2(jid, 256)), '')),
	PRIMARY KEY (owner, jid(768), rest)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_nopad_bin;

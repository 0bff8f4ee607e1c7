DELETE FROM execution WHERE ordinal = ?1

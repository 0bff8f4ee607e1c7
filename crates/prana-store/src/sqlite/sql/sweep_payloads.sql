DELETE FROM payload WHERE rowid IN (SELECT rowid FROM payload WHERE root = ?1 LIMIT ?2)

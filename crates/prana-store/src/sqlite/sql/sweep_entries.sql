DELETE FROM entry WHERE rowid IN (SELECT rowid FROM entry WHERE execution = ?1 LIMIT ?2)

UPDATE inbox SET wait = ?2 WHERE id = ?1

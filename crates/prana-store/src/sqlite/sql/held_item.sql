SELECT * FROM inbox WHERE id = ?2 AND execution = ?1 AND consumed = 0

DELETE FROM lane WHERE key = ?1

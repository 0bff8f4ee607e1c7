SELECT holders FROM lane WHERE key = ?1

SELECT id FROM execution INDEXED BY execution_expiry WHERE expires_at <= ?1 ORDER BY expires_at, id LIMIT ?2

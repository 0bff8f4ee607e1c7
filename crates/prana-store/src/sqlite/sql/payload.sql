SELECT bytes FROM payload WHERE root = ?1 AND hash = ?2

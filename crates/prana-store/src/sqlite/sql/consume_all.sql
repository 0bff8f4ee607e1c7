UPDATE inbox INDEXED BY inbox_held SET consumed = 1, bytes = x'' WHERE execution = ?1 AND consumed = 0 AND dedupe IS NOT NULL

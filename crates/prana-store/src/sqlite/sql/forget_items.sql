DELETE FROM inbox INDEXED BY inbox_held WHERE execution = ?1 AND consumed = 0 AND dedupe IS NULL

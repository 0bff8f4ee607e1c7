-- A dedupe key is remembered, the rest goes.
UPDATE inbox SET consumed = 1, bytes = x'' WHERE id = ?1 AND dedupe IS NOT NULL

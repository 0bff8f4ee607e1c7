-- From ?2 on; it itself only if ?3 is 0.
SELECT key, version, bytes FROM item WHERE kind = ?1 AND key >= ?2 AND (key > ?2 OR ?3 = 0) ORDER BY key LIMIT ?4

SELECT key, version, bytes FROM item WHERE kind = ?1 AND key = ?2

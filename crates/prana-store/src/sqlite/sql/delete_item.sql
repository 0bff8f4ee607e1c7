DELETE FROM item WHERE kind = ?1 AND key = ?2

DELETE FROM wait WHERE execution = ?1

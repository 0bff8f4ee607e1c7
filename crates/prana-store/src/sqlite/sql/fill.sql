DELETE FROM grave WHERE execution = ?1

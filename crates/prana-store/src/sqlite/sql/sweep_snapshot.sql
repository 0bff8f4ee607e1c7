DELETE FROM snapshot WHERE execution = ?1

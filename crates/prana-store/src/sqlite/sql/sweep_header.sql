DELETE FROM header WHERE execution = ?1

SELECT bytes FROM header WHERE execution = ?1

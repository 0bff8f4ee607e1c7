SELECT next_sequence, bytes FROM snapshot WHERE execution = ?1

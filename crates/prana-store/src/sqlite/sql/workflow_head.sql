SELECT latest, active, updated_at, is_deleted FROM workflow WHERE id = ?1

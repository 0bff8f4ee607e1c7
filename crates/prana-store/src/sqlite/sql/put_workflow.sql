INSERT OR REPLACE INTO workflow (id, latest, active, updated_at, is_deleted) VALUES (?1, ?2, ?3, ?4, ?5)

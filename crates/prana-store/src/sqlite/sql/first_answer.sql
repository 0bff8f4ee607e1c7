SELECT answer FROM inbox WHERE execution = ?1 AND dedupe = ?2

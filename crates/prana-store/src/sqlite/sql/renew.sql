INSERT INTO worker (id, lease_until) VALUES (?1, ?2) ON CONFLICT (id) DO UPDATE SET lease_until = max(lease_until, ?2)

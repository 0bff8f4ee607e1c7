SELECT lease_until FROM worker WHERE id = ?1

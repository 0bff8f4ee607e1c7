SELECT id FROM worker WHERE lease_until <= ?1 ORDER BY id

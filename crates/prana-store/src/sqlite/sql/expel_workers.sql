-- Whoever had the file open before is gone.
UPDATE worker SET lease_until = 0

SELECT execution, everything, payloads_of FROM grave ORDER BY execution LIMIT 1

-- A step: touches no index.
UPDATE execution SET next_sequence = ?2, recoveries = ?3, answers = ?4, reports = ?5, open_waits = ?6 WHERE ordinal = ?1

-- A claim that is taken or given up without another status.
UPDATE execution SET next_sequence = ?2, recoveries = ?3, answers = ?4, reports = ?5, open_waits = ?6, epoch = ?7, ready_at = ?8,
  claimed_by = ?9
WHERE ordinal = ?1

-- Everything that can change.
UPDATE execution SET next_sequence = ?2, recoveries = ?3, answers = ?4, reports = ?5, open_waits = ?6, epoch = ?7, ready_at = ?8,
  claimed_by = ?9, status = ?10, completed_at = ?11, slot = ?12, expires_at = ?13, summary = ?14, trail_kept = ?15
WHERE ordinal = ?1

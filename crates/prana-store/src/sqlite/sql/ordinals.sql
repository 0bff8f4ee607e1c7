SELECT max(coalesce((SELECT max(ordinal) FROM execution), 0), coalesce((SELECT max(execution) FROM grave), 0)),
  coalesce((SELECT max(id) FROM inbox), 0)

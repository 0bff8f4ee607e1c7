//! Removal of trees of executions.

use prana_core::ExecutionId;

use super::Tables;
use crate::{Remove, Removed, Result, StoreError};

/// Removes a tree, or what is due.
pub(crate) fn remove<T: Tables>(tables: &mut T, what: Remove) -> Result<Removed> {
    match what {
        Remove::Tree(root) => remove_tree(tables, root),
        Remove::Expired { now, limit } => {
            let roots = tables.expired(now, limit)?;
            let mut removed = Removed { executions: 0, more: roots.len() >= limit.max(1) };
            for root in roots {
                removed.executions += remove_tree(tables, root)?.executions;
            }
            removed.more |= tables.sweep(limit)?;
            Ok(removed)
        }
    }
}

fn remove_tree<T: Tables>(tables: &mut T, root: ExecutionId) -> Result<Removed> {
    let row = tables.row(root)?.ok_or(StoreError::Unknown(root))?;
    if row.root != root {
        let reason = format!("execution {root} belongs to the tree of {}: delete that", row.root);
        return Err(StoreError::invalid(reason));
    }
    let members = tables.tree(root)?;
    if members.iter().any(|member| !member.status.is_ended()) {
        return Err(StoreError::Open(root));
    }
    for member in &members {
        tables.bury(member)?;
    }
    Ok(Removed { executions: members.len(), more: true })
}

//! The pure actions, one file each: parameters, declaration, behaviour, tests.

pub mod execute_workflow;
pub mod for_each;

use crate::registry::Registry;

/// Adds all of them.
pub fn register(registry: &mut Registry) {
    for_each::register(registry);
    execute_workflow::register(registry);
}

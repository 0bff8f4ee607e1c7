//! Filters.

/// The filters that templates may use.
#[derive(Debug)]
pub struct Filters;

impl Filters {
    /// The built-in ones.
    pub fn standard() -> &'static Filters {
        &Filters
    }
}

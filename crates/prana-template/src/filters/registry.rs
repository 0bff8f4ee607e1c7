//! Which filters there are.

use std::sync::{Arc, OnceLock};

use super::{
    FilterError, FilterReference, Run, Signature, convert, date, encode, list, map, number, select,
    table::Row, text,
};
use crate::{nearest::nearest, program::Callee, value::Value};

/// A built-in filter.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub signature: Signature,
    /// Null on the left gives null.
    pub passes_null: bool,
    pub run: Run,
    pub family: &'static str,
    pub docs: &'static [&'static str],
}

type AppRun = dyn Fn(&[Value]) -> Result<Value, FilterError> + Send + Sync;

/// A filter of the application.
pub(crate) struct AppFilter {
    signature: Signature,
    run: Box<AppRun>,
}

impl AppFilter {
    pub(crate) fn run(&self, args: &[Value]) -> Result<Value, FilterError> {
        (self.run)(args)
    }
}

impl std::fmt::Debug for AppFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppFilter({})", self.signature.name)
    }
}

/// The built-in filters, and those that an application adds. Looked up when a template is compiled, never when it is evaluated.
///
/// ```
/// use prana_template::{value, Budget, FilterError, Filters, FixedNames, Template};
///
/// let filters = Filters::standard().clone().with("shout(mark=\"!\")", |args| match &args[0] {
///     prana_template::Value::Str(text) => Ok(value!(format!("{}{}", text.to_uppercase(), args[1].as_str().unwrap_or("!")))),
///     other => Err(FilterError::type_mismatch("`shout` needs text", other)),
/// });
/// let template = Template::parse("{{ $input | shout }}", &FixedNames::new(["$input"]), &filters).unwrap();
/// assert_eq!(template.evaluate(&[value!("hi")], &mut Budget::default()).unwrap(), value!("HI!"));
/// ```
#[derive(Debug, Clone, Default)]
pub struct Filters {
    added: Vec<Arc<AppFilter>>,
}

/// All built-in filters, and their names and aliases in order.
struct Builtins {
    filters: Vec<Builtin>,
    names: Vec<(String, usize)>,
}

/// Families in the order of the reference.
static FAMILIES: [(&str, &[Row]); 8] = [
    ("text", text::TEXT),
    ("list", list::LIST),
    ("selection", select::SELECT),
    ("map", map::MAP),
    ("number", number::NUMBER),
    ("conversion", convert::CONVERT),
    ("time", date::TIME),
    ("encoding", encode::ENCODE),
];

fn builtins() -> &'static Builtins {
    static ALL: OnceLock<Builtins> = OnceLock::new();
    ALL.get_or_init(|| {
        let rows = FAMILIES.iter().flat_map(|(family, rows)| rows.iter().map(move |row| (*family, row)));
        let filters: Vec<Builtin> = rows.map(|(family, row)| Builtin::new(family, row)).collect();
        let mut names: Vec<(String, usize)> = Vec::new();
        for (at, filter) in filters.iter().enumerate() {
            names.push((filter.signature.name.clone(), at));
            names.extend(filter.signature.aliases.iter().map(|alias| (alias.clone(), at)));
        }
        names.sort();
        Builtins { filters, names }
    })
}

impl Builtin {
    fn new(family: &'static str, row: &Row) -> Self {
        let signature = Signature::parse(row.signature);
        Builtin { signature, passes_null: !row.on_null, run: row.run, family, docs: row.docs }
    }
}

impl Callee {
    /// Whether the first argument is a regular expression.
    pub(crate) fn takes_pattern(&self) -> bool {
        matches!(self, Callee::Builtin(filter) if filter.signature.params.get(1).is_some_and(|param| param.name == "pattern"))
    }
}

impl Filters {
    /// The built-in filters.
    pub fn standard() -> &'static Filters {
        static STANDARD: OnceLock<Filters> = OnceLock::new();
        STANDARD.get_or_init(Filters::default)
    }

    /// Adds a filter; one of the same name is replaced, also a built-in one.
    ///
    /// The signature is written as in the reference: `name(needed, optional?, other="default")`. The function is given the value on
    /// the left and one value for each parameter, null where none was written. It must be pure: the same arguments, the same result.
    #[must_use]
    pub fn with(
        mut self,
        signature: &str,
        run: impl Fn(&[Value]) -> Result<Value, FilterError> + Send + Sync + 'static,
    ) -> Self {
        let signature = Signature::parse(signature);
        self.added.push(Arc::new(AppFilter { signature, run: Box::new(run) }));
        self
    }

    /// The reference of all built-in filters: names, arguments, documentation, examples.
    pub fn reference() -> Vec<FilterReference> {
        builtins().filters.iter().map(FilterReference::of).collect()
    }

    /// Whether there is a filter of that name.
    pub fn contains(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    pub(crate) fn find(&self, name: &str) -> Option<(Callee, &Signature)> {
        if let Some(added) = self.added.iter().rev().find(|added| added.signature.name == name) {
            return Some((Callee::App(added.clone()), &added.signature));
        }
        let all = builtins();
        let at = all.names.binary_search_by(|(known, _)| known.as_str().cmp(name)).ok()?;
        let filter = &all.filters[all.names[at].1];
        Some((Callee::Builtin(filter), &filter.signature))
    }

    pub(crate) fn nearest(&self, name: &str) -> Option<&str> {
        let added = self.added.iter().map(|added| added.signature.name.as_str());
        nearest(name, added.chain(builtins().names.iter().map(|(name, _)| name.as_str())))
    }
}

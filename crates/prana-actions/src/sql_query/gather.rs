//! Gathers rows within their limits.

use prana_core::ErrorValue;
use prana_template::{Map, Str, Value, value};

use super::params::{Mode, SqlQueryParams};

/// Rows as they come.
pub(super) struct Gathered {
    mode: Mode,
    columns: Vec<Str>,
    rows: Vec<Value>,
    max_rows: usize,
    bytes: usize,
    max_bytes: usize,
}

impl Gathered {
    /// For the rows of a query with these columns.
    ///
    /// # Errors
    /// `sql.duplicate_column`: a record can't hold two values of one name.
    pub fn new(params: &SqlQueryParams, max_bytes: usize, columns: Vec<Str>) -> Result<Self, ErrorValue> {
        if params.mode != Mode::Exec
            && let Some(twice) =
                columns.iter().enumerate().find(|(index, name)| columns[..*index].contains(name))
        {
            let message =
                format!("two columns of the result are called `{}`; give one another name with AS", twice.1);
            return Err(ErrorValue::new("sql.duplicate_column", message).not_retryable());
        }
        Ok(Gathered {
            mode: params.mode,
            columns,
            rows: Vec::new(),
            max_rows: params.max_rows,
            bytes: 0,
            max_bytes,
        })
    }

    /// True if rows are wanted.
    pub fn wants_rows(&self) -> bool {
        self.mode != Mode::Exec
    }

    /// Adds a row: as many values as there are columns, so many bytes in all.
    pub fn add(&mut self, values: Vec<Value>, bytes: usize) -> Result<(), ErrorValue> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.max_bytes {
            return Err(too_large(self.max_bytes));
        }
        match self.mode {
            Mode::One if !self.rows.is_empty() => {
                let message = "the query gives more than one row; add LIMIT 1, or take `mode: rows`";
                return Err(ErrorValue::new("sql.more_than_one_row", message).not_retryable());
            }
            _ if self.rows.len() >= self.max_rows => {
                let message =
                    format!("the query gives more than {} rows; add LIMIT, or raise max_rows", self.max_rows);
                return Err(ErrorValue::new("sql.too_many_rows", message).not_retryable());
            }
            _ => {}
        }
        let row: Map = self.columns.iter().cloned().zip(values).collect();
        self.rows.push(Value::Map(row));
        Ok(())
    }

    /// The output.
    pub fn output(self, rows_affected: u64) -> Value {
        match self.mode {
            Mode::Rows => Value::from(self.rows),
            Mode::One => self.rows.into_iter().next().unwrap_or_default(),
            Mode::Exec => value!({"rows_affected": rows_affected}),
        }
    }
}

pub(super) fn too_large(limit: usize) -> ErrorValue {
    let message = format!(
        "the result is larger than {limit} bytes, the operator's limit; ask for fewer rows or columns"
    );
    ErrorValue::new("sql.result_too_large", message).not_retryable()
}

//! What is refused, and why: everything that a row cannot answer by itself, or would answer otherwise tomorrow.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use datafusion_sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, Query, Spanned, Value, ValueWithSpan, Visit, Visitor,
};

use super::error::{Place, SqlError, Text};
use super::functions::{Functions, Unknown};
use super::guard::LIST_MAKERS;
use super::unnest::ITEM;

/// Functions over many rows.
const AGGREGATES: &[&str] = &[
    "any_value",
    "approx_distinct",
    "approx_median",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "every",
    "first",
    "group_concat",
    "last",
    "list",
    "listagg",
    "max",
    "mean",
    "median",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "quantile",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var",
    "var_pop",
    "var_samp",
    "variance",
];

/// Functions over neighbouring rows.
const WINDOWS: &[&str] = &[
    "cume_dist",
    "dense_rank",
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "ntile",
    "percent_rank",
    "rank",
    "row_number",
];

/// Functions that would say something else at the next try.
const UNSTABLE: &[&str] = &[
    "current_date",
    "current_time",
    "current_timestamp",
    "gen_random_uuid",
    "localtime",
    "localtimestamp",
    "now",
    "rand",
    "random",
    "today",
    "uuid",
    "version",
];

/// Operators on JSON.
const TAKING_APART: &[BinaryOperator] = &[
    BinaryOperator::Arrow,
    BinaryOperator::LongArrow,
    BinaryOperator::HashArrow,
    BinaryOperator::HashLongArrow,
];

/// The columns that a text names, each with the place where it does first.
pub(super) type Names = BTreeMap<String, Option<Place>>;

/// Looks through an expression: refuses what cannot be, and adds the columns that it names to `names`.
pub(super) fn examine(
    expr: &Expr,
    text: &Text,
    functions: &Functions,
    names: &mut Names,
) -> Result<(), SqlError> {
    let mut examiner = Examiner {
        text,
        functions,
        names,
        last: Place::of(expr.span()),
    };
    match expr.visit(&mut examiner) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Examiner<'a> {
    text: &'a Text,
    functions: &'a Functions,
    names: &'a mut Names,
    /// The last place that was known: not everything has one.
    last: Option<Place>,
}

impl Examiner<'_> {
    fn refuse(&self, what: impl Into<String>) -> ControlFlow<SqlError> {
        ControlFlow::Break(self.text.error(self.last, what))
    }

    fn function(&self, function: &Function) -> ControlFlow<SqlError> {
        let name = function.name.to_string().to_ascii_lowercase();
        let one_of = |known: &[&str]| known.contains(&name.as_str());
        if function.over.is_some() || one_of(WINDOWS) {
            let hint = if name == "row_number" {
                "; _row is the row's number in its file"
            } else {
                ""
            };
            return self.refuse(format!(
                "{name} looks at other rows (a window), and each row is taken by itself{hint}"
            ));
        }
        if one_of(AGGREGATES) {
            let hint = match name.as_str() {
                "min" => {
                    "; least(a, b) compares the columns of one row, array_min the items of a list"
                }
                "max" => {
                    "; greatest(a, b) compares the columns of one row, array_max the items of a list"
                }
                _ => "",
            };
            return self.refuse(format!(
                "{name} is an aggregate over many rows, and each row is taken by itself{hint}"
            ));
        }
        if one_of(UNSTABLE) {
            return self.refuse(format!(
                "{name}() says something else each time, and the same files must give the same rows"
            ));
        }
        if name == "unnest" {
            return self.refuse("unnest makes many rows of one, and can stand in select only");
        }
        if one_of(LIST_MAKERS) {
            return self.refuse(format!(
                "{name} makes a list as long as a number says, and a row must not take more memory than its file gives reason for"
            ));
        }
        match self.functions.look_up(&name) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Unknown {
                nearest: Some(near),
            }) => self.refuse(format!("there is no function {name}; did you mean {near}?")),
            Err(Unknown { nearest: None }) => self.refuse(format!("there is no function {name}")),
        }
    }
}

impl Visitor for Examiner<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<SqlError> {
        self.last = Place::of(query.span()).or(self.last);
        self.refuse("a subquery reads other rows, and each row is taken by itself")
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<SqlError> {
        self.last = Place::of(value.span).or(self.last);
        match &value.value {
            Value::Placeholder(name) => self.refuse(format!(
                "{name} is a parameter, and there is nothing to fill it in"
            )),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<SqlError> {
        self.last = Place::of(expr.span()).or(self.last);
        let mut name = |name: &str| {
            self.names.entry(name.to_owned()).or_insert(self.last);
        };
        match expr {
            Expr::Identifier(ident)
                if ident.quote_style.is_none() && ident.value.starts_with('@') =>
            {
                self.refuse(format!("{ident} is a variable, and there are none"))
            }
            Expr::Identifier(ident) if ident.value == ITEM => ControlFlow::Continue(()),
            Expr::Identifier(ident) => {
                name(&ident.value);
                ControlFlow::Continue(())
            }
            Expr::CompoundIdentifier(parts) => {
                if let Some(first) = parts.first() {
                    name(&first.value);
                }
                ControlFlow::Continue(())
            }
            Expr::Function(function) => self.function(function),
            Expr::BinaryOp { op, .. } if TAKING_APART.contains(op) => self.refuse(format!(
                "the operator {op} is not supported: json_get(text, '$.a.b[0]') takes JSON apart"
            )),
            Expr::Lambda(_) => self.refuse("functions of your own (x -> …) are not supported"),
            _ => ControlFlow::Continue(()),
        }
    }
}

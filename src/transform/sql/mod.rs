//! SQL on rows: `select`, `where` and expectations, one row at a time.
//!
//! [`RowTransform::new`] reads the texts of the definition once and refuses what cannot be; [`RowTransform::bind`]
//! plans them for the columns and types of one unit, once for all units that are alike; [`Bound::pieces`] evaluates the
//! plan on a batch. `DataFusion`'s
//! parser, planner and expressions do the work, and no other room knows of them.
//!
//! # What the result depends on
//! The columns of the *source* grow as the join over everything that was accepted, as they do without SQL. What is
//! written follows from them and the SQL by a pure function. For one unit:
//!
//! - a column that the SQL *names* has the type that the pipeline knows, and is null in a file without it; as long as
//!   nobody has had it, it is null of no type;
//! - `*` stands for the columns of the unit's own members, as a unit without SQL has them: a new column elsewhere
//!   rewrites nothing. A column beside `*` takes the place of the one of that name in it.
//!
//! [`Bound::inputs`] says which columns these are, with their types. Where the pipeline comes to know another type
//! for one of them, the unit is stale, and built again. So the order in which files come does not show. A name that
//! no file has is reported at the end of every run and by `plan`.
//!
//! Names are matched as they are written, upper and lower case told apart, in quotes or not, since files may have
//! both `Id` and `id`. In expressions `_path`, `_row` (from 1 within the file), `_hash` and `_mtime` tell where a row
//! comes from, and so do the fields of the path (`dt` in `dt=2026-01-01/` or `{dt}/*.csv`), as text; they win over
//! columns of the file with these names. With `_path`, a renamed file is a changed one; with `_mtime`, a touched one
//! is as well.
//!
//! # One row by itself
//! What becomes of a row does not depend on the rows beside it, nor on how many are taken at once: [`Pieces`] says how.
//! Whole numbers that overflow, and what would take too much memory, are errors of their row. `unnest` makes a row of
//! each item of a list, behind `where` and before everything else; all of them have the number of the row that they
//! are of.
//!
//! # Whose fault it is
//! - Texts that mean nothing, or do not fit the columns that the pipeline knows, stop the run before work.
//! - An expression that fails on a row sets the row's file aside, as bytes that cannot be decoded do.
//! - A file whose columns make the SQL impossible (text in a column that is multiplied) is set aside as well. As
//!   the types of others can make it possible again, all files that are set aside are tried again by the next run
//!   when a column that the SQL uses becomes wider.
//! - A file that was good and is set aside for its SQL, with the same bytes (the types or the SQL are others now),
//!   loses its rows: a fresh run would not have them. With other bytes it counts with its last good version, as
//!   without SQL.
//!
//! # Expectations
//! They are asked of the rows that come out, in their order, each of the rows that the ones before have left. A row
//! meets one where it is true; null is not true, so `amount >= 0 OR amount IS NULL` lets nulls pass and says so. They
//! can name pseudo-columns and fields of the path, even where those are not written.
//!
//! # Invariants
//! - Nothing here reads a clock, a locale or the environment: the same row gives the same row (P6).
//! - Rows keep their order. Rows that are carried over have been through here and do not come again.

mod apply;
mod bind;
mod check;
mod checked;
mod error;
mod functions;
mod guard;
mod json;
mod parse;
mod planner;
mod plans;
mod refuse;
mod unnest;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use datafusion_sql::sqlparser::ast::Expr;

pub use apply::{Origin, Pieces, RowError, Transformed};
pub use bind::Bound;
pub use check::Aside;
pub use error::{Clause, Place, SqlError};

use crate::config::{Definition, OnFail, nearest};
use crate::model::{Column, PartitionValues, Shape};

use self::error::Text;
use self::functions::functions;
use self::parse::Item;
use self::plans::{Plans, Question};
use self::refuse::Names;

/// What the SQL of a definition says.
#[derive(Debug, Clone)]
pub struct RowTransform {
    select: Text,
    items: Vec<Item>,
    /// The list whose items become rows.
    list: Option<Expr>,
    filter: Option<(Text, Expr)>,
    expectations: Vec<Expected>,
    partition_by: Vec<String>,
    /// The columns of the source that are named, but for pseudo-columns, each with its text and place.
    names: BTreeMap<String, SqlError>,
    pseudo: BTreeSet<Pseudo>,
    plans: Plans,
}

#[derive(Debug, Clone)]
struct Expected {
    text: Text,
    name: String,
    expr: Expr,
    on_fail: OnFail,
    reads: BTreeSet<String>,
}

/// A column that no file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pseudo {
    Path,
    Row,
    Hash,
    Mtime,
}

impl Pseudo {
    const ALL: [Self; 4] = [Self::Path, Self::Row, Self::Hash, Self::Mtime];

    fn name<'a>(self) -> &'a str {
        match self {
            Self::Path => "_path",
            Self::Row => "_row",
            Self::Hash => "_hash",
            Self::Mtime => "_mtime",
        }
    }

    fn data_type(self) -> DataType {
        match self {
            Self::Path | Self::Hash => DataType::Utf8,
            Self::Row => DataType::Int64,
            Self::Mtime => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        }
    }

    fn called(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|pseudo| pseudo.name() == name)
    }
}

impl RowTransform {
    /// Reads the SQL of `definition`; `None` where it has none.
    ///
    /// # Errors
    /// [`SqlError`] for the first thing that means nothing or is refused.
    pub fn new(definition: &Definition) -> Result<Option<Self>, SqlError> {
        let sql = &definition.sql;
        if sql.is_default() {
            return Ok(None);
        }
        let select = Text {
            clause: Clause::Select,
            text: sql.select.clone().unwrap_or_else(|| "*".to_owned()),
        };
        let mut this = Self {
            items: Vec::new(),
            list: None,
            filter: None,
            expectations: Vec::new(),
            partition_by: definition.partition_by.clone(),
            names: BTreeMap::new(),
            pseudo: BTreeSet::new(),
            plans: Plans::default(),
            select,
        };
        let mut names = Names::new();
        let selected = parse::select(&this.select, functions(), &mut names)?;
        (this.items, this.list) = (selected.items, selected.list);
        this.add_names(&this.select.clone(), names);
        if let Some(text) = &sql.filter {
            let text = Text {
                clause: Clause::Where,
                text: text.clone(),
            };
            let mut names = Names::new();
            let expr = parse::condition(&text, functions(), &mut names)?;
            this.add_names(&text, names);
            this.filter = Some((text, expr));
        }
        for expectation in &sql.expect {
            this.expect(expectation)?;
        }
        this.check_partitions()?;
        Ok(Some(this))
    }

    fn add_names(&mut self, text: &Text, names: Names) {
        for (name, place) in names {
            if let Some(pseudo) = Pseudo::called(&name) {
                self.pseudo.insert(pseudo);
                continue;
            }
            let error = text.error(place, format!("no file has a column {name}"));
            self.names.entry(name).or_insert(error);
        }
    }

    /// Adds an expectation, which sees the columns that come out.
    fn expect(&mut self, expectation: &crate::config::Expectation) -> Result<(), SqlError> {
        let text = Text {
            clause: Clause::Expect(expectation.name.clone()),
            text: expectation.sql.clone(),
        };
        let mut names = Names::new();
        let expr = parse::condition(&text, functions(), &mut names)?;
        let reads = names.keys().cloned().collect();
        for (name, place) in names {
            if self.item(&name).is_some() {
                continue;
            }
            if let Some(pseudo) = Pseudo::called(&name) {
                self.pseudo.insert(pseudo);
                continue;
            }
            match self.excepted() {
                // It may come with the star.
                Some(excepted) if !excepted.contains_key(&name) => {
                    let error = text.error(place, format!("no file has a column {name}"));
                    self.names.entry(name).or_insert(error);
                }
                _ => {
                    let near = nearest(&name, self.written_names());
                    let near = near.map(|near| format!("; did you mean {near}?"));
                    let what = format!(
                        "{name} is not among the columns that select writes{}",
                        near.unwrap_or_default()
                    );
                    return Err(text.error(place, what));
                }
            }
        }
        self.expectations.push(Expected {
            text,
            name: expectation.name.clone(),
            expr,
            on_fail: expectation.on_fail,
            reads,
        });
        Ok(())
    }

    fn check_partitions(&self) -> Result<(), SqlError> {
        let missing = self.partition_by.iter().find(|column| {
            let with_star = self.excepted();
            self.item(column).is_none()
                && with_star.is_none_or(|excepted| excepted.contains_key(*column))
        });
        let Some(column) = missing else {
            return Ok(());
        };
        let near = nearest(column, self.written_names());
        let near = near.map(|near| format!("; did you mean {near}?"));
        let text = Text {
            clause: Clause::PartitionBy,
            text: column.clone(),
        };
        let what = format!(
            "{column} is not among the columns that select writes{}",
            near.unwrap_or_default()
        );
        Err(text.error(None, what))
    }

    fn item(&self, name: &str) -> Option<&parse::Named> {
        self.items.iter().find_map(|item| match item {
            Item::Named(named) if named.name == name => Some(&**named),
            _ => None,
        })
    }

    fn written_names(&self) -> impl Iterator<Item = &str> {
        self.items.iter().filter_map(|item| match item {
            Item::Named(named) => Some(named.name.as_str()),
            Item::Star(_) => None,
        })
    }

    /// Returns what the star leaves out, if there is a star.
    fn excepted(&self) -> Option<&Names> {
        self.items.iter().find_map(|item| match item {
            Item::Star(excepted) => Some(excepted),
            Item::Named(_) => None,
        })
    }

    /// Tells whether the star stands for a column of this name.
    #[must_use]
    pub fn takes_along(&self, name: &str) -> bool {
        let excepted = self.excepted();
        self.item(name).is_none() && excepted.is_some_and(|excepted| !excepted.contains_key(name))
    }

    /// Tells whether the star stands for a column of this name, which is named nowhere.
    #[must_use]
    pub fn only_takes_along(&self, name: &str) -> bool {
        self.takes_along(name) && !self.names.contains_key(name)
    }

    /// Returns the columns that a file with the columns `own` fills by itself, as far as that shows without planning:
    /// what is computed has no type here.
    #[must_use]
    pub fn filled_by(&self, own: &Shape) -> Shape {
        let along = own.columns.iter();
        let along = along.filter(|column| self.takes_along(&column.name));
        let named = self.written_names();
        let named = named.map(|name| Column::new(name, DataType::Null));
        Shape {
            columns: along.cloned().chain(named).collect(),
        }
    }

    /// Tells whether the rows of a file depend on its path.
    #[must_use]
    pub fn uses_path(&self) -> bool {
        self.pseudo.contains(&Pseudo::Path)
    }

    /// Tells whether the rows of a file depend on its hash.
    #[must_use]
    pub fn uses_hash(&self) -> bool {
        self.pseudo.contains(&Pseudo::Hash)
    }

    /// Tells whether the rows of a file depend on when it was modified.
    #[must_use]
    pub fn uses_mtime(&self) -> bool {
        self.pseudo.contains(&Pseudo::Mtime)
    }

    /// Tells whether a row that comes out may be set aside.
    #[must_use]
    pub fn sets_rows_aside(&self) -> bool {
        let mut all = self.expectations();
        all.any(|(_, on_fail)| on_fail == OnFail::QuarantineRow)
    }

    /// Plans for rows with the columns `own`, where the pipeline knows `known` and the path gives `fields`: once for each
    /// such question, whoever asks.
    ///
    /// # Errors
    /// [`SqlError`] where the types do not go with the SQL.
    pub fn bind(
        &self,
        own: &Shape,
        known: &Shape,
        fields: &PartitionValues,
    ) -> Result<Arc<Bound>, SqlError> {
        let question = Question {
            own: own.clone(),
            known: self
                .names
                .keys()
                .map(|name| known_column(known, name))
                .collect(),
            fields: fields.iter().map(|(field, _)| field.clone()).collect(),
        };
        self.plans
            .get(question, || self.plan(own, known, fields).map(Arc::new))
    }

    /// Returns the names of the expectations with what a failure leads to, in order.
    pub fn expectations(&self) -> impl Iterator<Item = (&str, OnFail)> {
        let all = self.expectations.iter();
        all.map(|expected| (expected.name.as_str(), expected.on_fail))
    }

    /// Tells whether a column that is named differs in type between the two.
    #[must_use]
    pub fn sees_a_difference(&self, a: &Shape, b: &Shape) -> bool {
        self.difference(a, b).is_some()
    }

    /// Returns the first column that is named and differs in type between the two, as both have it.
    #[must_use]
    pub fn difference(&self, a: &Shape, b: &Shape) -> Option<(Column, Column)> {
        let names = self.names.keys();
        let mut columns = names.map(|name| (known_column(a, name), known_column(b, name)));
        columns.find(|(a, b)| a != b)
    }

    /// Tells whether all names are columns of the source.
    #[must_use]
    pub fn is_known_by(&self, known: &Shape) -> bool {
        let mut names = self.names.keys();
        names.all(|name| known.type_of(name).is_some())
    }

    /// Returns an error for each name that is neither a column of the source nor in `others`.
    #[must_use]
    pub fn unknown(&self, known: &Shape, others: &BTreeSet<String>) -> Vec<SqlError> {
        let read = self.names.iter().map(|(name, error)| {
            let missing = "; until one has it, it is null";
            (name, error.clone(), missing)
        });
        let excepted = self.excepted().into_iter().flatten();
        let left_out = excepted.map(|(name, place)| {
            let what = format!("no file has a column {name}");
            (name, self.select.error(*place, what), "")
        });
        let unknown = read
            .chain(left_out)
            .filter(|(name, ..)| known.type_of(name).is_none() && !others.contains(*name));
        unknown
            .map(|(name, mut error, consequence)| {
                let columns = known.columns.iter().map(|column| column.name.as_str());
                let names = columns.chain(others.iter().map(String::as_str));
                let names = names.chain(Pseudo::ALL.into_iter().map(Pseudo::name));
                let near = near_name(name, names).map(|near| format!("; did you mean {near}?"));
                error.what.push_str(&near.unwrap_or_default());
                error.what.push_str(consequence);
                error
            })
            .collect()
    }
}

/// Prefers the same name in other letters.
fn near_name<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let known: Vec<&str> = known.collect();
    let same = known.iter().find(|other| other.eq_ignore_ascii_case(name));
    same.copied().or_else(|| nearest(name, known))
}

/// A column that nobody has is like one that has never held a value.
fn known_column(shape: &Shape, name: &str) -> Column {
    let known = shape.column(name).cloned();
    known.unwrap_or_else(|| Column::new(name, DataType::Null))
}

#[cfg(test)]
mod tests;

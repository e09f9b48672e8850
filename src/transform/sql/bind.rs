//! SQL planned for the columns and types of one unit.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion_physical_expr::PhysicalExpr;
use datafusion_sql::sqlparser::ast::{Expr, Spanned};

use super::check::Asked;
use super::error::{Place, SqlError};
use super::parse::{Item, Named};
use super::planner::Planner;
use super::unnest::item_of;
use super::{Pseudo, RowTransform, known_column};
use crate::model::{Column, PartitionValues, Shape, type_name};
use crate::schema::canonical_column;
use crate::transform::value::is_routable;

/// SQL that is ready for batches.
pub struct Bound {
    /// What expressions over the source see.
    pub(super) seen: Vec<Seen>,
    pub(super) seen_schema: SchemaRef,
    pub(super) filter: Option<Arc<dyn PhysicalExpr>>,
    pub(super) unnest: Option<Unnest>,
    pub(super) columns: Vec<Written>,
    pub(super) expectations: Vec<Asked>,
    inputs: Shape,
    output: Shape,
}

/// A column that expressions see.
pub(super) enum Seen {
    /// Of the file, null where it has none.
    Column(FieldRef),
    /// A field of the path.
    Field(String),
    Pseudo(Pseudo),
}

/// A column that is written.
pub(super) struct Written {
    pub(super) field: FieldRef,
    pub(super) from: From,
}

/// Where it comes from.
pub(super) enum From {
    /// The column of this name in the file.
    Column(String),
    Expr(Arc<dyn PhysicalExpr>),
}

/// A list whose items become rows.
pub(super) struct Unnest {
    pub(super) list: Arc<dyn PhysicalExpr>,
    /// The column of the items.
    pub(super) item: FieldRef,
}

impl std::fmt::Debug for Bound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bound")
            .field("inputs", &self.inputs)
            .field("output", &self.output)
            .finish_non_exhaustive()
    }
}

impl Bound {
    /// Returns the columns of the source that the rows depend on, with the types that were assumed.
    #[must_use]
    pub fn inputs(&self) -> &Shape {
        &self.inputs
    }

    /// Returns the columns that come out, with their types in the lattice.
    #[must_use]
    pub fn output(&self) -> &Shape {
        &self.output
    }
}

impl RowTransform {
    /// Plans for rows with the columns `own`, where the pipeline knows `known` and the path gives `fields`.
    pub(super) fn plan(
        &self,
        own: &Shape,
        known: &Shape,
        fields: &PartitionValues,
    ) -> Result<Bound, SqlError> {
        let is_field = |name: &str| fields.iter().any(|(field, _)| field == name);
        let mut inputs = Shape::default();
        let mut seen = Vec::new();
        for name in self.names.keys() {
            if is_field(name) {
                seen.push(Seen::Field(name.clone()));
                continue;
            }
            let column = own.column(name).cloned();
            let column = column.unwrap_or_else(|| known_column(known, name));
            seen.push(Seen::Column(Arc::new(column.to_field())));
            inputs.columns.push(column);
        }
        seen.extend(self.pseudo.iter().copied().map(Seen::Pseudo));
        let seen_schema: SchemaRef = Arc::new(Schema::new(
            seen.iter().map(Seen::field).collect::<Vec<_>>(),
        ));
        let mut planner = Planner::new(&seen_schema, &self.select)?;
        let filter = match &self.filter {
            Some((text, expr)) => Some(planner.condition(text, expr)?),
            None => None,
        };
        let unnest = self.plan_unnest(&planner)?;
        if let Some(unnest) = &unnest {
            let fields = seen_schema.fields().iter().cloned();
            let with_item: Vec<_> = fields.chain([Arc::clone(&unnest.item)]).collect();
            planner = Planner::new(&Arc::new(Schema::new(with_item)), &self.select)?;
        }
        let mut bound = Bound {
            filter,
            unnest,
            columns: Vec::new(),
            expectations: Vec::new(),
            output: Shape::default(),
            seen,
            inputs,
            seen_schema: Arc::clone(&seen_schema),
        };
        self.write(own, &is_field, &planner, &mut bound)?;
        self.check_routes(&is_field, &bound)?;
        self.ask(known, &is_field, &mut bound)?;
        Ok(bound)
    }

    fn plan_unnest(&self, planner: &Planner<'_>) -> Result<Option<Unnest>, SqlError> {
        let Some(expr) = &self.list else {
            return Ok(None);
        };
        let (list, field) = planner.plan(&self.select, expr)?;
        let item = item_of(field.data_type()).ok_or_else(|| {
            let what = format!(
                "unnest takes a list, and this is {}",
                type_name(field.data_type())
            );
            self.select.error(Place::of(expr.span()), what)
        })?;
        Ok(Some(Unnest { list, item }))
    }

    /// Adds the columns that are written.
    fn write(
        &self,
        own: &Shape,
        is_field: &dyn Fn(&str) -> bool,
        planner: &Planner<'_>,
        bound: &mut Bound,
    ) -> Result<(), SqlError> {
        for item in &self.items {
            match item {
                Item::Star(excepted) => {
                    for column in &own.columns {
                        let name = &column.name;
                        if excepted.contains_key(name)
                            || self.item(name).is_some()
                            || is_field(name)
                        {
                            continue;
                        }
                        bound.write(column.clone(), From::Column(name.clone()));
                        if bound.inputs.type_of(name).is_none() {
                            bound.inputs.columns.push(column.clone());
                        }
                    }
                }
                Item::Named(named) => {
                    if is_field(&named.name) {
                        self.check_field(named)?;
                        continue;
                    }
                    let (expr, field) = planner.plan(&self.select, &named.expr)?;
                    let column = Column {
                        name: named.name.clone(),
                        ..canonical_column(&field)
                    };
                    if !is_storable(&column.data_type) {
                        let what = format!(
                            "{} would be of type {}, which Parquet has no column for",
                            named.name,
                            column.type_name()
                        );
                        return Err(self.select.error(named.place, what));
                    }
                    bound.write(column, From::Expr(expr));
                }
            }
        }
        Ok(())
    }

    /// A column that the path gives already stays in the path, so it can be named but not made.
    fn check_field(&self, named: &Named) -> Result<(), SqlError> {
        match &named.expr {
            Expr::Identifier(ident) if ident.value == named.name => Ok(()),
            _ => {
                let what = format!(
                    "{} is a field of the path and stays in it; give this another name",
                    named.name
                );
                Err(self.select.error(named.place, what))
            }
        }
    }

    /// Columns that name partitions must have values that can.
    fn check_routes(&self, is_field: &dyn Fn(&str) -> bool, bound: &Bound) -> Result<(), SqlError> {
        for column in self.partition_by.iter().filter(|name| !is_field(name)) {
            let Some(named) = self.item(column) else {
                continue;
            };
            let made = known_column(&bound.output, column);
            if !is_routable(&made.data_type) {
                let data_type = made.type_name();
                let what = format!("cannot partition by column {column} of type {data_type}");
                return Err(self.select.error(named.place, what));
            }
        }
        Ok(())
    }

    /// Adds the expectations, which see what is written.
    fn ask(
        &self,
        known: &Shape,
        is_field: &dyn Fn(&str) -> bool,
        bound: &mut Bound,
    ) -> Result<(), SqlError> {
        for expected in &self.expectations {
            let fields = expected.reads.iter().map(|name| {
                let context = match Pseudo::called(name) {
                    _ if is_field(name) => Seen::Field(name.clone()).field(),
                    Some(pseudo) => Seen::Pseudo(pseudo).field(),
                    None => Arc::new(known_column(known, name).to_field()),
                };
                let written = bound.output.column(name);
                written.map_or(context, |written| Arc::new(written.to_field()))
            });
            let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
            let planner = Planner::new(&schema, &expected.text)?;
            let expr = planner.condition(&expected.text, &expected.expr)?;
            bound.expectations.push(Asked {
                name: expected.name.clone(),
                on_fail: expected.on_fail,
                expr,
                schema,
            });
        }
        Ok(())
    }
}

impl Bound {
    fn write(&mut self, column: Column, from: From) {
        let field = Arc::new(column.to_field());
        self.columns.push(Written { field, from });
        self.output.columns.push(column);
    }
}

impl Seen {
    /// Tells whether it is no column of the file.
    pub(super) fn is_context(&self) -> bool {
        !matches!(self, Self::Column(_))
    }

    pub(super) fn field(&self) -> FieldRef {
        match self {
            Self::Column(field) => Arc::clone(field),
            Self::Field(name) => nullable(name, &DataType::Utf8),
            Self::Pseudo(pseudo) => nullable(pseudo.name(), &pseudo.data_type()),
        }
    }
}

fn nullable(name: &str, data_type: &DataType) -> FieldRef {
    Arc::new(Field::new(name, data_type.clone(), true))
}

fn is_storable(data_type: &DataType) -> bool {
    match data_type {
        DataType::Interval(_)
        | DataType::Duration(_)
        | DataType::Union(..)
        | DataType::RunEndEncoded(..)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => false,
        DataType::List(item) => is_storable(item.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_storable(field.data_type())),
        _ => true,
    }
}

//! One expression: from what was parsed to what can be evaluated on batches of one schema.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, FieldRef, Schema, SchemaRef};
use datafusion_common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion_common::{DFSchema, DataFusionError};
use datafusion_expr::execution_props::ExecutionProps;
use datafusion_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion_expr::simplify::SimplifyContext;
use datafusion_optimizer::simplify_expressions::ExprSimplifier;
use datafusion_physical_expr::{PhysicalExpr, create_physical_expr};
use datafusion_sql::planner::{ParserOptions, PlannerContext, SqlToRel};
use datafusion_sql::sqlparser::ast::{Expr, Spanned};

use super::checked::checked;
use super::error::{Place, SqlError, Text};
use super::functions::{Functions, functions};
use super::unnest::ITEM;
use crate::model::Column;

/// Plans expressions over one schema.
pub(super) struct Planner<'a> {
    schema: Arc<DFSchema>,
    sql: SqlToRel<'a, Functions>,
    simplifier: ExprSimplifier,
}

impl Planner<'_> {
    pub(super) fn new(schema: &SchemaRef, text: &Text) -> Result<Self, SqlError> {
        let schema = DFSchema::try_from(Schema::clone(schema));
        let schema = Arc::new(schema.map_err(|error| text.error(None, words(&error)))?);
        let options = ParserOptions {
            enable_ident_normalization: false,
            map_string_types_to_utf8view: false,
            collect_spans: true,
            ..ParserOptions::new()
        };
        let context = SimplifyContext::builder()
            .with_schema(Arc::clone(&schema))
            .build();
        Ok(Self {
            sql: SqlToRel::new_with_options(functions(), options),
            simplifier: ExprSimplifier::new(context),
            schema,
        })
    }

    /// Returns what can be evaluated, and the type and metadata of what comes out.
    pub(super) fn plan(
        &self,
        text: &Text,
        expr: &Expr,
    ) -> Result<(Arc<dyn PhysicalExpr>, FieldRef), SqlError> {
        self.try_plan(expr).map_err(|error| {
            let span = error.diagnostic().and_then(|found| found.span);
            let place = span.map(|span| span.start).and_then(|start| {
                Place::at(datafusion_sql::sqlparser::tokenizer::Location {
                    line: start.line,
                    column: start.column,
                })
            });
            let place = place.or_else(|| Place::of(expr.span()));
            text.error(place, format!("{}{}", words(&error), self.types(expr)))
        })
    }

    fn try_plan(&self, expr: &Expr) -> Result<(Arc<dyn PhysicalExpr>, FieldRef), DataFusionError> {
        let schema = &*self.schema;
        let planned = self
            .sql
            .sql_to_expr(expr.clone(), schema, &mut PlannerContext::new())?;
        let coerced = self.simplifier.coerce(planned, schema)?;
        let checked = checked(coerced, schema)?;
        let simple = self.simplifier.simplify(checked)?;
        check_constants(&simple)?;
        let physical = create_physical_expr(
            &simple,
            schema,
            &ExecutionProps::new(),
            &PhysicalPlanningContext::default(),
        )?;
        let field = physical.return_field(schema.as_arrow())?;
        Ok((physical, field))
    }

    pub(super) fn condition(
        &self,
        text: &Text,
        expr: &Expr,
    ) -> Result<Arc<dyn PhysicalExpr>, SqlError> {
        let (physical, field) = self.plan(text, expr)?;
        match field.data_type() {
            DataType::Boolean | DataType::Null => Ok(physical),
            other => {
                let what = format!("a condition must be true or false, and this is {other}");
                Err(text.error(Place::of(expr.span()), what))
            }
        }
    }

    /// Tells the types of the columns that an expression names, since files decide on them.
    fn types(&self, expr: &Expr) -> String {
        let mut names = BTreeSet::new();
        let _: std::ops::ControlFlow<()> =
            datafusion_sql::sqlparser::ast::visit_expressions(expr, |part| {
                match part {
                    Expr::Identifier(ident) => {
                        names.insert(ident.value.clone());
                    }
                    Expr::CompoundIdentifier(parts) => {
                        names.extend(parts.first().map(|first| first.value.clone()));
                    }
                    _ => {}
                }
                std::ops::ControlFlow::Continue(())
            });
        let types: Vec<String> = names
            .iter()
            .filter_map(|name| {
                let field = self.schema.as_arrow().field_with_name(name).ok()?;
                let name = if name == ITEM { "the item" } else { name };
                Some(format!("{name} is {}", Column::of_field(field).type_name()))
            })
            .collect();
        match types.len() {
            0 => String::new(),
            _ => format!(" ({})", types.join(", ")),
        }
    }
}

/// What is constant has been computed by now, unless that fails: then it fails for every row.
fn check_constants(expr: &datafusion_expr::Expr) -> Result<(), DataFusionError> {
    use datafusion_expr::Expr as E;
    let is_constant = |argument: &E| matches!(argument, E::Literal(..));
    expr.apply(|part| {
        let is_left = match part {
            E::ScalarFunction(function) => function.args.iter().all(is_constant),
            E::BinaryExpr(both) => is_constant(&both.left) && is_constant(&both.right),
            _ => false,
        };
        if is_left {
            let schema = DFSchema::empty();
            let physical = create_physical_expr(
                part,
                &schema,
                &ExecutionProps::new(),
                &PhysicalPlanningContext::default(),
            )?;
            let options = RecordBatchOptions::new().with_row_count(Some(1));
            let empty = Arc::clone(schema.inner());
            let row = RecordBatch::try_new_with_options(empty, Vec::new(), &options)?;
            physical.evaluate(&row)?;
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// Returns the one line that tells what is wrong, without what only its developers can use.
pub(super) fn words(error: &DataFusionError) -> String {
    let error = match error {
        DataFusionError::ArrowError(error, _) => error.to_string(),
        DataFusionError::Diagnostic(_, inner) | DataFusionError::Context(_, inner) => words(inner),
        DataFusionError::Collection(all) => all.first().map(words).unwrap_or_default(),
        other => other.strip_backtrace(),
    };
    let mut text = error.lines().next().unwrap_or_default();
    for label in [
        "Arrow error: ",
        "Cast error: ",
        "Error during planning: ",
        "Execution error: ",
        "This feature is not implemented: ",
        "Invalid argument error: ",
        "Compute error: ",
        "Parser error: ",
        "Schema error: ",
    ] {
        text = text.strip_prefix(label).unwrap_or(text);
    }
    if text.starts_with("Unsupported ast node") {
        return "this kind of expression is not supported".to_owned();
    }
    text.trim_end_matches('.').to_owned()
}

//! `unnest(list)`: a row for each item of a list.
//!
//! It is taken out of the select list before planning, and a column takes its place that no text can name. Rows are
//! multiplied behind `where` and before anything else: what is beside the item is the same for all items of a row. A
//! row whose list is null or empty has no item, and none comes out.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::compute::{cast, take, take_record_batch};
use arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion_sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Spanned,
    visit_expressions_mut,
};

use super::apply::{Rows, Stop};
use super::error::{Place, SqlError, Text};
use super::guard::TOGETHER;
use crate::model::Column;

/// The name of the item's column: with a space and a bracket, so that it is nobody's own.
pub(super) const ITEM: &str = "unnest (";

/// Takes the calls out of `expr`, and notes in `list` what is unnested.
pub(super) fn take_out(
    expr: &mut Expr,
    text: &Text,
    list: &mut Option<Expr>,
) -> Result<(), SqlError> {
    let mut refused = None;
    let refuse = |place, what: &str| Some(text.error(place, what));
    let _: ControlFlow<()> = visit_expressions_mut(expr, |part| {
        let Expr::Function(function) = part else {
            return ControlFlow::Continue(());
        };
        if !is_unnest(function) {
            return ControlFlow::Continue(());
        }
        let place = Place::of(function.span());
        let Some(argument) = only_argument(function) else {
            refused = refuse(place, "unnest takes one list");
            return ControlFlow::Break(());
        };
        if names_item(&argument) {
            refused = refuse(place, "unnest cannot stand in another unnest");
            return ControlFlow::Break(());
        }
        if list
            .as_ref()
            .is_some_and(|known| known.to_string() != argument.to_string())
        {
            refused = refuse(
                place,
                "only one list can be unnested: the rows of two would have to be combined",
            );
            return ControlFlow::Break(());
        }
        list.get_or_insert(argument);
        *part = Expr::Identifier(Ident::with_quote('"', ITEM));
        ControlFlow::Continue(())
    });
    refused.map_or(Ok(()), Err)
}

fn is_unnest(function: &Function) -> bool {
    function.over.is_none() && function.name.to_string().eq_ignore_ascii_case("unnest")
}

fn only_argument(function: &Function) -> Option<Expr> {
    match &function.args {
        FunctionArguments::List(arguments) => match arguments.args.as_slice() {
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))] => Some(argument.clone()),
            _ => None,
        },
        _ => None,
    }
}

/// Calls within are taken out first.
fn names_item(expr: &Expr) -> bool {
    let found = datafusion_sql::sqlparser::ast::visit_expressions(expr, |part| match part {
        Expr::Identifier(ident) if ident.value == ITEM => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    found.is_break()
}

/// Returns the column of the items of a list of this type; `None` where it is no list.
pub(super) fn item_of(list: &DataType) -> Option<FieldRef> {
    let item = match list {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            Column::of_field(item).to_field().with_name(ITEM)
        }
        // A column that nobody has yet.
        DataType::Null => Field::new(ITEM, DataType::Null, true),
        _ => return None,
    };
    Some(Arc::new(item))
}

impl Rows {
    /// Makes a row for each item of `list`; of a single row, only of the items in `range`.
    pub(super) fn unnest(
        self,
        list: &ArrayRef,
        item: &FieldRef,
        range: &Range<u64>,
    ) -> Result<Self, Stop> {
        let items = Arc::new(Field::new_list_field(item.data_type().clone(), true));
        let list = cast(list, &DataType::List(items))?;
        let list = list.as_list::<i32>();
        let (mut rows, mut places, mut longest) = (Vec::new(), Vec::new(), 0u64);
        for row in (0..list.len()).filter(|row| list.is_valid(*row)) {
            let offsets = list.value_offsets();
            let own = offsets[row].unsigned_abs()..offsets[row + 1].unsigned_abs();
            let (start, end) = (u64::from(own.start), u64::from(own.end));
            let (start, end) = match list.len() {
                1 => {
                    let from = start.saturating_add(range.start).min(end);
                    (from, start.saturating_add(range.end).min(end))
                }
                _ => (start, end),
            };
            longest = longest.max(end - start);
            places.extend(start..end);
            rows.resize(places.len(), row as u64);
        }
        if longest > 1 && self.bytes().saturating_mul(longest) > TOGETHER {
            return Err(Stop::TooMany { items: longest });
        }
        let (rows, places) = (UInt64Array::from(rows), UInt64Array::from(places));
        let values = take(list.values(), &places, None)?;
        let seen = take_record_batch(&self.seen, &rows)?;
        let fields = seen.schema_ref().fields().iter().cloned();
        let schema = Schema::new(fields.chain([Arc::clone(item)]).collect::<Vec<_>>());
        let columns = seen.columns().iter().cloned().chain([values]).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(Self {
            seen: RecordBatch::try_new_with_options(Arc::new(schema), columns, &options)?,
            source: take_record_batch(&self.source, &rows)?,
            numbers: take(&self.numbers, &rows, None)?,
        })
    }

    /// Returns what all columns together come to, at least.
    fn bytes(&self) -> u64 {
        let columns = self.seen.columns().iter().chain(self.source.columns());
        let size = |column: &ArrayRef| column.to_data().get_slice_memory_size().unwrap_or(0);
        columns.map(|column| size(column) as u64).sum()
    }
}

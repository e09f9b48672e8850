//! Column builders for JSON values.
//!
//! A struct's members may be missing, and a table may have thousands of columns that most rows lack: builders are
//! therefore padded with nulls only when their next value comes or the batch is finished.

use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanBufferBuilder, ListArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, FieldRef, Fields as ArrowFields};

use super::fields::Fields;
use super::single::{put_single, put_singles};
use super::tape::{Token, Value};
use crate::decode::leaf::{Leaf, Unfit};
use crate::schema::canonical;

/// Builds one column; missing values at its end are added when needed.
pub(super) struct Builder {
    len: usize,
    inner: Inner,
}

enum Inner {
    Leaf(Leaf),
    List {
        item: FieldRef,
        offsets: Vec<i32>,
        valid: BooleanBufferBuilder,
        child: Box<Builder>,
    },
    Struct {
        fields: ArrowFields,
        valid: BooleanBufferBuilder,
        children: Fields<Builder>,
    },
}

impl Builder {
    /// Returns an empty builder for columns of `data_type`.
    pub(super) fn new(data_type: &DataType) -> Self {
        let inner = match canonical(data_type) {
            DataType::List(item) => Inner::List {
                offsets: vec![0],
                valid: BooleanBufferBuilder::new(0),
                child: Box::new(Self::new(item.data_type())),
                item,
            },
            DataType::Struct(fields) => {
                let mut children = Fields::default();
                for field in &fields {
                    children.add(field.name(), Self::new(field.data_type()));
                }
                Inner::Struct {
                    fields,
                    valid: BooleanBufferBuilder::new(0),
                    children,
                }
            }
            other => Inner::Leaf(Leaf::new(&other)),
        };
        Self { len: 0, inner }
    }

    /// Puts `value` at `row`, after nulls for the rows that had none.
    #[inline]
    pub(super) fn put(&mut self, row: usize, value: Value<'_>) -> Result<(), Unfit> {
        if matches!(value.token(), Token::Null) {
            return Ok(());
        }
        if self.len < row {
            self.pad(row);
        }
        match &mut self.inner {
            Inner::Leaf(leaf) => put_single(leaf, value)?,
            nested => nested.put(row, value)?,
        }
        self.len = row + 1;
        Ok(())
    }

    /// Puts values at `row` and behind it, of which none is an array or object, up to the first that does not fit; returns how many
    /// that were.
    pub(super) fn put_all<'t>(
        &mut self,
        row: usize,
        values: impl Iterator<Item = Value<'t>>,
    ) -> usize {
        let Inner::Leaf(leaf) = &mut self.inner else {
            return 0;
        };
        if self.len < row {
            leaf.append_nulls(row - self.len);
        }
        let count = put_singles(leaf, values);
        self.len = row + count;
        count
    }

    /// Returns the column with `rows` rows and starts the next.
    pub(super) fn finish(&mut self, rows: usize) -> ArrayRef {
        if self.len < rows {
            self.pad(rows);
        }
        self.len = 0;
        match &mut self.inner {
            Inner::Leaf(leaf) => leaf.finish(),
            Inner::List {
                item,
                offsets,
                valid,
                child,
            } => {
                let values = child.finish(offset(offsets));
                let offsets = std::mem::replace(offsets, vec![0]);
                Arc::new(ListArray::new(
                    Arc::clone(item),
                    OffsetBuffer::new(ScalarBuffer::from(offsets)),
                    values,
                    Some(NullBuffer::new(valid.finish())),
                ))
            }
            Inner::Struct {
                fields,
                valid,
                children,
            } => {
                let nulls = Some(NullBuffer::new(valid.finish()));
                if fields.is_empty() {
                    return Arc::new(StructArray::new_empty_fields(rows, nulls));
                }
                let columns = children.iter_mut().map(|(_, child)| child.finish(rows));
                Arc::new(StructArray::new(fields.clone(), columns.collect(), nulls))
            }
        }
    }

    #[cold]
    fn pad(&mut self, rows: usize) {
        let missing = rows - self.len;
        match &mut self.inner {
            Inner::Leaf(leaf) => leaf.append_nulls(missing),
            Inner::List { offsets, valid, .. } => {
                let end = as_offset(offset(offsets));
                offsets.resize(offsets.len() + missing, end);
                valid.append_n(missing, false);
            }
            Inner::Struct { valid, .. } => valid.append_n(missing, false),
        }
        self.len = rows;
    }
}

impl Inner {
    /// Puts a value that is not null and no leaf behind those for the rows before `row`.
    fn put(&mut self, row: usize, value: Value<'_>) -> Result<(), Unfit> {
        match (self, value.token()) {
            (
                Self::List {
                    offsets,
                    valid,
                    child,
                    ..
                },
                Token::Array(_),
            ) => {
                let mut end = offset(offsets);
                for element in value.elements() {
                    child.put(end, element)?;
                    end += 1;
                }
                offsets.push(as_offset(end));
                valid.append(true);
                Ok(())
            }
            (
                Self::Struct {
                    valid, children, ..
                },
                Token::Object(_),
            ) => {
                for (key, member) in value.members() {
                    let at = children.find(key).ok_or(Unfit)?;
                    children.item(at).put(row, member)?;
                }
                valid.append(true);
                Ok(())
            }
            _ => Err(Unfit),
        }
    }
}

fn offset(offsets: &[i32]) -> usize {
    offsets
        .last()
        .map_or(0, |end| usize::try_from(*end).unwrap_or_default())
}

#[expect(
    clippy::expect_used,
    reason = "a batch of JSON text is far smaller than 2^31 bytes"
)]
fn as_offset(position: usize) -> i32 {
    i32::try_from(position).expect("fewer elements than bytes in a batch")
}

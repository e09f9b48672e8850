//! Which partition a row belongs to, and whether it can have one at all.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;

use super::partitions::PartitionWriter;
use super::work::WorkError;
use crate::config::Definition;
use crate::crew::InOrder;
use crate::encode::{EncodeError, EncodeMeans};
use crate::model::{PartitionValues, Shape, partition_dir};
use crate::transform::{Routed, TransformError, is_routable, route};

/// Batches that are being split, for each pair of hands.
const BATCHES_EACH: usize = 8;

/// Brings rows to their partitions, which take them in order: the crew splits batches by their values.
pub(super) struct Routing<'a> {
    columns: Arc<[String]>,
    means: EncodeMeans<'a>,
    /// Batches that are being split, each with the place of its member.
    splitting: InOrder<(usize, Result<Routed, WorkError>)>,
}

impl<'a> Routing<'a> {
    pub(super) fn new(columns: &[String], means: EncodeMeans<'a>) -> Self {
        Self {
            columns: columns.into(),
            means,
            splitting: InOrder::default(),
        }
    }

    pub(super) fn push(
        &mut self,
        place: usize,
        batch: &RecordBatch,
        partitions: &mut PartitionWriter<'_>,
    ) -> Result<(), WorkError> {
        let bytes = batch.get_array_memory_size();
        let (batch, columns) = (batch.clone(), Arc::clone(&self.columns));
        let split = move || checked(route(&batch, &columns)?);
        self.splitting
            .begin(self.means.crew, bytes, move || (place, split()));
        let most = match self.means.crew.hands() {
            0 | 1 => 0,
            hands => BATCHES_EACH * hands,
        };
        while self.splitting.len() > most || self.splitting.bytes() > self.means.memory / 4 {
            self.hand_on(partitions)?;
        }
        Ok(())
    }

    pub(super) fn finish(&mut self, partitions: &mut PartitionWriter<'_>) -> Result<(), WorkError> {
        while !self.splitting.is_empty() {
            self.hand_on(partitions)?;
        }
        Ok(())
    }

    /// Hands on the rows that came first.
    fn hand_on(&mut self, partitions: &mut PartitionWriter<'_>) -> Result<(), WorkError> {
        let Some((place, routed)) = self.splitting.take_first() else {
            return Ok(());
        };
        let routed = routed.map_err(|error| WorkError::Misplaced {
            place,
            source: Box::new(error),
        })?;
        partitions.push(place, &routed)
    }
}

/// Returns the partition columns that the path does not give already.
pub(super) fn data_columns(definition: &Definition, in_path: &PartitionValues) -> Vec<String> {
    let by_rows = |column: &&String| !in_path.iter().any(|(name, _)| name == *column);
    let columns = definition.partition_by.iter();
    columns.filter(by_rows).cloned().collect()
}

/// Makes sure that rows can be routed to partitions, and directories named after their values.
///
/// # Errors
/// [`WorkError`] for the first row that cannot.
pub(super) fn check_partitions(
    definition: &Definition,
    in_path: &PartitionValues,
    batch: &RecordBatch,
) -> Result<(), WorkError> {
    let columns = data_columns(definition, in_path);
    if columns.is_empty() {
        return Ok(());
    }
    checked(route(batch, &columns)?).map(drop)
}

/// Returns why the rows of a file with these columns cannot be written, where they cannot.
///
/// Only the file's own columns count. Beside other members, or under the pipeline's types, they might well pass; but
/// then the target's rows would depend on which files happen to share a unit.
pub(super) fn misfit(
    definition: &Definition,
    in_path: &PartitionValues,
    own: &Shape,
) -> Option<String> {
    let by_rows = data_columns(definition, in_path);
    let unroutable = own
        .columns
        .iter()
        .find(|column| by_rows.contains(&column.name) && !is_routable(&column.data_type));
    if let Some(column) = unroutable {
        let error = TransformError::Unroutable {
            column: column.name.clone(),
            data_type: column.data_type.clone(),
        };
        return Some(error.to_string());
    }
    let mut names = own.columns.iter().map(|column| &column.name);
    let is_in_path = |column: &String| in_path.iter().any(|(name, _)| name == column);
    let is_stored = |name: &String| !by_rows.contains(name) && !is_in_path(name);
    (!names.any(is_stored)).then(|| EncodeError::NoColumns.to_string())
}

/// Returns rows whose partitions can be named.
fn checked(routed: Routed) -> Result<Routed, WorkError> {
    let mut parts = routed.parts().iter();
    parts.try_for_each(|(values, _)| check_lengths(values))?;
    Ok(routed)
}

/// What a directory's name may be long on every file system that matters.
const NAME_BYTES: usize = 255;

/// A value that no directory can be named after is the fault of the file that holds it. Found out only when the
/// outputs are published, it would be too late: the intent is recorded by then.
fn check_lengths(values: &PartitionValues) -> Result<(), WorkError> {
    for value in values {
        let segment = partition_dir(&vec![value.clone()]);
        if segment.len() > NAME_BYTES + 1 {
            return Err(WorkError::TooLong {
                column: value.0.clone(),
            });
        }
    }
    Ok(())
}

//! A step of a user's own, in Rust, on the rows of each file.

use std::error::Error;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

/// Why a step cannot make anything of a file.
pub type StepError = Box<dyn Error + Send + Sync>;

/// What is made of the rows of every file, before anything else sees them: SQL, partitions and the target.
///
/// A step has to be a pure function of the rows that it is given: of no clock, no random number, no other file and not of
/// how rows are cut into batches. Only then is a run over what changed equal to a full reload.
///
/// Rows come with the types that their own file has, whatever the others have, and go to the target with the types that
/// are the join over all files.
///
/// ```
/// use std::sync::Arc;
///
/// use arrow::array::{Array, AsArray, RecordBatch, StringArray};
/// use arrow::datatypes::SchemaRef;
/// use strandline::engine::Pipeline;
/// use strandline::transform::{StepError, Transform};
///
/// /// Writes all that is text in capitals.
/// struct Shout;
///
/// impl Transform for Shout {
///     fn identity(&self) -> String {
///         "shout 1".to_owned()
///     }
///
///     fn columns(&self, own: &SchemaRef) -> Result<SchemaRef, StepError> {
///         Ok(Arc::clone(own))
///     }
///
///     fn rows(&self, rows: RecordBatch) -> Result<RecordBatch, StepError> {
///         let columns = rows.columns().iter().map(|column| {
///             let Some(texts) = column.as_string_opt::<i32>() else {
///                 return Arc::clone(column);
///             };
///             let loud = texts.iter().map(|text| text.map(str::to_uppercase));
///             Arc::new(loud.collect::<StringArray>())
///         });
///         Ok(RecordBatch::try_new(rows.schema(), columns.collect())?)
///     }
/// }
///
/// # let home = tempfile::tempdir()?;
/// # let (source, target) = (home.path().join("in"), home.path().join("out"));
/// # std::fs::create_dir(&source)?;
/// std::fs::write(source.join("a.csv"), "word,count\nsea,3\n")?;
/// let pipeline = Pipeline::builder(&source, &target)
///     .transform(Shout)
///     .partition_by(["word"])
///     .set(strandline::config::Key::Settle, "0s")
///     .build()?;
/// pipeline.run()?;
/// assert!(target.join("word=SEA").is_dir());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Transform: Send + Sync {
    /// Says which step this is, and which version of it: whatever was made under another text is made again.
    fn identity(&self) -> String;

    /// Returns the columns that come out for a file with the columns `own`.
    ///
    /// # Errors
    /// Where it has no use for such a file, which is set aside then.
    fn columns(&self, own: &SchemaRef) -> Result<SchemaRef, StepError>;

    /// Makes rows, with the columns that [`Transform::columns`] told. There may be more or fewer than there were.
    ///
    /// # Errors
    /// Where a row is such that its file has to be set aside.
    fn rows(&self, rows: RecordBatch) -> Result<RecordBatch, StepError>;
}

//! Writes the rows that a unit has in one partition.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;

use super::chunks::{Chunk, Chunks};
use super::form::Form;
use super::output::OpenedFile;
use super::row_group::{EncodedRowGroup, Layout, Limits, RowGroup};
use super::{EncodeError, Footer};
use crate::config::Writing;
use crate::crew::Crew;
use crate::model::{ContentHash, stored_schema};

/// Row groups that are at work for each pair of hands, at most.
const AT_WORK: usize = 4;

/// What steers the encoding. All of it shows in the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodeOptions {
    /// A file that has reached this length takes no more rows.
    pub target_file_size: u64,
    /// How columns are written.
    pub writing: Writing,
    /// Whether these are all rows that the unit has.
    pub layout: Layout,
}

/// What was taken of some rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// The first rows, so many.
    pub rows: usize,
    /// They make so many row groups.
    pub row_groups: usize,
}

/// With what means rows are encoded. None of it shows in the bytes.
#[derive(Clone, Copy)]
pub struct EncodeMeans<'a> {
    /// Who encodes.
    pub crew: &'a dyn Crew,
    /// About how many bytes may be held: half of them rows that wait for the crew, half of them encoded ones that wait for
    /// their turn.
    pub memory: usize,
}

/// Where the bytes of one file go.
pub trait EncodeSink: Write + Send {
    /// Makes the file whole.
    ///
    /// # Errors
    /// What the place reports; the file must then not be published.
    fn finish(self: Box<Self>) -> io::Result<()>;
}

/// When a file is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// Before all rows have been pushed, or as if it were.
    Early,
    /// When all rows have been pushed.
    AtEnd,
}

/// The files of a partition.
pub trait EncodeFiles {
    /// Returns how many files that take no more rows are kept open at most, because most that is told in a footer is known
    /// at the end.
    fn kept_open(&self) -> usize;

    /// Begins the next file.
    ///
    /// # Errors
    /// What the place reports.
    fn open(&mut self) -> io::Result<Box<dyn EncodeSink>>;

    /// Returns the footer of the file `number`, from zero, which holds the given rows of each member. It is asked for when
    /// the file is closed, and `when` says what may be told there: it depends on the rows alone, and not on who encodes
    /// them.
    fn footer(&self, number: usize, member_rows: &[u64], when: Closed) -> Footer;
}

/// A whole Parquet file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedFile {
    /// Which file of the partition it is, from zero.
    pub number: usize,
    /// Rows of each of the unit's members.
    pub member_rows: Vec<u64>,
    /// Length in bytes.
    pub size: u64,
    /// Hash of the bytes, taken while they were written.
    pub hash: ContentHash,
}

/// Writes the rows that a unit has in one partition: rows in, whole Parquet files out.
///
/// Rows are cut into row groups, which the crew encodes while more rows come; files are begun, written and closed here,
/// one after the other.
pub struct Encoder<'a, F> {
    target_file_size: u64,
    writing: Writing,
    limits: Limits,
    means: EncodeMeans<'a>,
    members: usize,
    files: F,
    schema: SchemaRef,
    chunks: Chunks,
    form: Option<Arc<Form>>,
    /// In the order of their rows; the last may take more.
    at_work: VecDeque<RowGroup>,
    /// The last takes rows, those before it no more.
    open: VecDeque<OpenedFile>,
    done: Vec<EncodedFile>,
}

impl<'a, F: EncodeFiles> Encoder<'a, F> {
    /// Begins the files of a unit with so many members in one partition. They get the columns of `schema` as
    /// [`stored_schema`] has them.
    #[must_use]
    pub fn new(
        schema: &SchemaRef,
        options: EncodeOptions,
        means: EncodeMeans<'a>,
        members: usize,
        files: F,
    ) -> Self {
        let schema = stored_schema(schema);
        let limits = Limits::new(&options, &schema);
        Self {
            target_file_size: options.target_file_size,
            writing: options.writing,
            means,
            members,
            files,
            schema,
            chunks: Chunks::new(limits.chunk_rows),
            limits,
            form: None,
            at_work: VecDeque::new(),
            open: VecDeque::new(),
            done: Vec::new(),
        }
    }

    /// Appends rows of `member`, a number within the unit. They have the stored columns of the schema.
    ///
    /// # Errors
    /// [`EncodeError`]; the encoder and its files are of no use then.
    pub fn push(&mut self, member: usize, batch: &RecordBatch) -> Result<(), EncodeError> {
        self.push_runs(&[(member, batch.num_rows())], batch)
    }

    /// Appends rows of several members: `runs` are members and numbers of consecutive rows, as many as the batch has.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn push_runs(
        &mut self,
        runs: &[(usize, usize)],
        batch: &RecordBatch,
    ) -> Result<(), EncodeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        check(&self.schema, self.members, runs, batch)?;
        self.chunks.push(runs, batch);
        self.collect_chunks()
    }

    /// Appends as many of the first of these rows as make whole row groups, up to `most` of them. Each batch comes with its
    /// member. What is left over is offered again, with more rows behind it, or comes by [`Encoder::push`] for good.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn push_whole(
        &mut self,
        rows: Vec<(usize, RecordBatch)>,
        most: usize,
    ) -> Result<Taken, EncodeError> {
        debug_assert!(self.at_work.back().is_none_or(RowGroup::is_whole));
        for (member, batch) in &rows {
            let runs = [(*member, batch.num_rows())];
            check(&self.schema, self.members, &runs, batch)?;
        }
        let batches = rows.iter().map(|(_, batch)| batch);
        let groups = self.limits.whole(batches, most);
        let mut front = VecDeque::from(rows);
        let mut taken = 0;
        for chunks in &groups {
            for (rows, weight) in chunks {
                self.put_chunk(Chunk::of_front(&mut front, *rows, *weight))?;
                taken += rows;
            }
            // With all rows of a row group there, each of its columns is one job.
            self.move_on()?;
        }
        Ok(Taken {
            rows: taken,
            row_groups: groups.len(),
        })
    }

    /// Waits until all whole row groups are in files.
    ///
    /// # Errors
    /// As [`Encoder::push`].
    pub fn settle(&mut self) -> Result<(), EncodeError> {
        self.leave_at_work(0)
    }

    /// Returns how many files have been begun.
    #[must_use]
    pub fn files(&self) -> usize {
        self.done.len() + self.open.len()
    }

    /// Tells whether the next row group begins a file, where all before it are in theirs.
    #[must_use]
    pub fn is_full(&self) -> bool {
        let last = self.open.back();
        last.is_none_or(|last| last.is_full(self.target_file_size))
    }

    /// Says that there are no more rows. What is left is encoded from now on, without anybody waiting for it.
    ///
    /// # Errors
    /// [`EncodeError`]; the files are of no use then.
    pub fn end(&mut self) -> Result<(), EncodeError> {
        self.chunks.close();
        self.collect_chunks()?;
        if let Some(last) = self.at_work.back_mut() {
            last.end();
        }
        self.move_on()
    }

    /// Writes what is left and returns the files in the order of their numbers, none where there were no rows, and their
    /// place.
    ///
    /// # Errors
    /// [`EncodeError`]; the files are of no use then.
    pub fn finish(mut self) -> Result<(Vec<EncodedFile>, F), EncodeError> {
        self.end()?;
        self.leave_at_work(0)?;
        while !self.open.is_empty() {
            self.close_file(Closed::AtEnd)?;
        }
        Ok((self.done, self.files))
    }

    /// Returns about how many bytes the rows of whole chunks take that are not in a file yet, encoded or not.
    pub fn held(&self) -> usize {
        let at_work = self.at_work.iter();
        at_work.map(|group| group.held() + group.encoded()).sum()
    }

    /// Puts whole chunks into row groups, and has them encoded.
    fn collect_chunks(&mut self) -> Result<(), EncodeError> {
        while let Some(chunk) = self.chunks.next_whole() {
            self.put_chunk(chunk)?;
        }
        self.move_on()
    }

    fn put_chunk(&mut self, chunk: Chunk) -> Result<(), EncodeError> {
        if self.at_work.back().is_none_or(RowGroup::is_whole) {
            let group = RowGroup::new(self.form(&chunk)?)?;
            self.at_work.push_back(group);
        }
        if let Some(group) = self.at_work.back_mut() {
            group.push(chunk, self.limits);
        }
        Ok(())
    }

    /// Returns how the partition's rows are written, of which `first` has the first.
    fn form(&mut self, first: &Chunk) -> Result<Arc<Form>, EncodeError> {
        if let Some(form) = &self.form {
            return Ok(Arc::clone(form));
        }
        let first = first.batch(&self.schema).map_err(EncodeError::Rechunk)?;
        let form = Arc::new(Form::new(&first, &self.writing).map_err(EncodeError::Rows)?);
        self.form = Some(Arc::clone(&form));
        Ok(form)
    }

    /// Has encoded what can be, and waits where too much is not.
    fn move_on(&mut self) -> Result<(), EncodeError> {
        let crew = self.means.crew;
        let most = (crew.hands() * self.limits.bytes).min(self.means.memory / 2);
        loop {
            for group in &mut self.at_work {
                group.move_on(crew)?;
            }
            let held: usize = self.at_work.iter().map(RowGroup::held).sum();
            if held <= most {
                break;
            }
            let mut busy = self.at_work.iter_mut();
            if let Some(first) = busy.find(|group| group.held() > 0) {
                first.wait()?;
            }
        }
        self.leave_at_work(AT_WORK * crew.hands())
    }

    /// Puts into files what is encoded, and waits for what is not until only so many row groups are left.
    fn leave_at_work(&mut self, most: usize) -> Result<(), EncodeError> {
        let crew = self.means.crew;
        while let Some(mut first) = self.at_work.pop_front() {
            let encoded: usize = self.at_work.iter().map(RowGroup::encoded).sum();
            let is_much = encoded > self.means.memory / 2;
            while (is_much || self.at_work.len() >= most) && !first.is_encoded() && first.is_whole()
            {
                first.wait()?;
                first.move_on(crew)?;
            }
            if !first.is_encoded() {
                self.at_work.push_front(first);
                break;
            }
            self.put(first.into_encoded())?;
        }
        Ok(())
    }

    /// Puts a row group into its file.
    fn put(&mut self, group: EncodedRowGroup) -> Result<(), EncodeError> {
        if !self.is_full()
            && let Some(last) = self.open.back_mut()
        {
            return last.append(group);
        }
        while self.open.len() > self.files.kept_open() {
            self.close_file(Closed::Early)?;
        }
        let mut file = self.open_file(&group.form)?;
        file.append(group)?;
        self.open.push_back(file);
        Ok(())
    }

    fn open_file(&mut self, form: &Arc<Form>) -> Result<OpenedFile, EncodeError> {
        let number = self.files();
        let sink = self.files.open();
        let sink = sink.map_err(|source| EncodeError::Sink {
            action: "begin",
            number,
            source,
        })?;
        OpenedFile::new(number, self.members, form, sink)
    }

    /// Closes the file that was begun first.
    fn close_file(&mut self, when: Closed) -> Result<(), EncodeError> {
        if let Some(file) = self.open.pop_front() {
            let footer = self.files.footer(file.number, &file.member_rows, when);
            self.done.push(file.close(&footer)?);
        }
        Ok(())
    }
}

fn check(
    schema: &SchemaRef,
    members: usize,
    runs: &[(usize, usize)],
    batch: &RecordBatch,
) -> Result<(), EncodeError> {
    if schema.fields().is_empty() {
        return Err(EncodeError::NoColumns);
    }
    let mut found = runs.iter().map(|(member, _)| *member);
    if let Some(member) = found.find(|member| *member >= members) {
        return Err(EncodeError::Member { member, members });
    }
    let found = batch.schema_ref();
    let same_columns = found.fields().len() == schema.fields().len()
        && found
            .fields()
            .iter()
            .zip(schema.fields())
            .all(|(a, b)| a.name() == b.name() && a.data_type() == b.data_type());
    if same_columns {
        return Ok(());
    }
    Err(EncodeError::Columns {
        expected: schema.clone(),
        found: found.clone(),
    })
}

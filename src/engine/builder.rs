//! A pipeline put together in Rust, with the settings that the command line and `strandline.toml` have.

use std::num::NonZero;
use std::sync::Arc;
use std::thread;

use super::control::Control;
use super::error::RunError;
use super::open::OpenPipelineError;
use super::passes::Passes;
use super::pipeline::Pipeline;
use crate::config::{
    Access, Expectation, Key, Layer, Layers, Origin, Place, SettingError, Settings,
};
use crate::model::RunReport;
use crate::transform::Transform;

/// Collects what a [`Pipeline`] is to be.
///
/// A setting that nobody names has its default. Neither the environment nor a settings file is read.
#[derive(Clone)]
#[must_use = "nothing is opened before `build`"]
pub struct PipelineBuilder {
    source: Place,
    access: Access,
    target: Place,
    state: Option<Place>,
    layer: Layer,
    step: Option<Arc<dyn Transform>>,
}

/// A pipeline that cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A setting means nothing.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// Declared columns say what a file has to hold, and a step of the user's own makes something else of it.
    #[error("columns cannot be declared where a transform makes them")]
    Declared,
    /// A place or a pattern cannot be used.
    #[error(transparent)]
    Open(#[from] OpenPipelineError),
}

impl Pipeline {
    /// Begins a pipeline from `source`, a directory or a [`StoreUrl`](crate::config::StoreUrl), to the directory `target`.
    ///
    /// ```
    /// use strandline::engine::Pipeline;
    ///
    /// # let home = tempfile::tempdir()?;
    /// # let (source, target) = (home.path().join("in"), home.path().join("out"));
    /// # std::fs::create_dir(&source)?;
    /// std::fs::write(source.join("a.csv"), "day,amount\n2026-01-01,5\n2026-01-02,7\n")?;
    /// let pipeline = Pipeline::builder(&source, &target)
    ///     .partition_by(["day"])
    ///     .select("day, amount * 100 AS cents")
    ///     .filter("amount > 0")
    ///     .set(strandline::config::Key::Settle, "0s")
    ///     .build()?;
    /// let report = pipeline.run()?;
    /// assert_eq!(report.rows.written, 2);
    /// assert!(target.join("day=2026-01-01").is_dir());
    ///
    /// // Nothing has changed: nothing is done.
    /// assert_eq!(pipeline.run()?.units.written, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn builder(source: impl Into<Place>, target: impl Into<Place>) -> PipelineBuilder {
        PipelineBuilder {
            source: source.into(),
            access: Access::default(),
            target: target.into(),
            state: None,
            layer: Layer::new(Origin::Program),
            step: None,
        }
    }

    /// Makes one pass, or as many as [`Repeat`](crate::config::Repeat) says, which nobody interrupts. [`run`](super::run()) and
    /// [`Passes`] take a [`Control`], for those who want to. Returns the report of the last.
    ///
    /// # Errors
    /// [`RunError`] where the run came to nothing, and nothing is lost.
    pub fn run(&self) -> Result<RunReport, RunError> {
        let mut passes = Passes::begin(self);
        loop {
            let report = passes.next(self, &Control::default())?;
            if passes.are_over() {
                return Ok(report);
            }
        }
    }
}

impl PipelineBuilder {
    /// Sets what is called `key` in [`SPECS`](crate::config::SPECS), from text as it would be written on the command
    /// line.
    pub fn set(mut self, key: Key, text: &str) -> Self {
        self.layer.set(key, text);
        self
    }

    /// Gives access to object stores that source, target or ledger are in.
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Keeps ledger and lock in `state` instead of the target.
    pub fn state(mut self, state: impl Into<Place>) -> Self {
        self.state = Some(state.into());
        self
    }

    /// Partitions the rows by these columns.
    pub fn partition_by<'c>(self, columns: impl IntoIterator<Item = &'c str>) -> Self {
        let columns: Vec<&str> = columns.into_iter().collect();
        self.set(Key::PartitionBy, &columns.join(","))
    }

    /// Writes these columns, in SQL.
    pub fn select(self, sql: &str) -> Self {
        self.set(Key::Select, sql)
    }

    /// Takes only rows of which this is true, in SQL.
    pub fn filter(self, sql: &str) -> Self {
        self.set(Key::Where, sql)
    }

    /// Puts the rows of every file through a step of your own, before anything else.
    pub fn transform(mut self, transform: impl Transform + 'static) -> Self {
        self.step = Some(Arc::new(transform));
        self
    }

    /// Adds an expectation.
    pub fn expect(mut self, expectation: Expectation) -> Self {
        self.layer.expectations.push(expectation);
        self
    }

    /// Opens the source and the target.
    ///
    /// # Errors
    /// [`BuildError`].
    pub fn build(self) -> Result<Pipeline, BuildError> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let mut layers = vec![self.layer, Layer::defaults()];
        if let Place::Store(url) = &self.source {
            // Settings ask what the source is.
            layers[0].set(Key::Source, &url.to_string());
        }
        let layers = Layers(layers);
        let settings = Settings {
            source: Some(self.source),
            target: Some(self.target),
            state: self.state,
            ..Settings::resolve(&layers, processors)?
        };
        let settings = settings.with_access(self.access);
        let mut pipeline = Pipeline::open(&settings)?;
        if self.step.is_some() && !pipeline.definition.schema.columns.is_empty() {
            return Err(BuildError::Declared);
        }
        pipeline.definition.step = self.step.as_ref().map(|step| step.identity());
        pipeline.step = self.step;
        Ok(pipeline)
    }
}

//! Functions whose result may be much larger than what it is made of, and one that breaks down.
//!
//! Before one of them is called, what it would make is measured. Rows that make too much together are taken apart by
//! whoever called; a single row that makes too much is at fault. So the limits bound memory, and which rows come out
//! does not depend on how many are taken at once.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array};
use arrow::compute::cast;
use arrow::compute::kernels::length::length;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion_common::{Result, exec_err};
use datafusion_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

/// What the rows that are taken at once may come to.
pub(super) const TOGETHER: u64 = 64 << 20;

/// What one row may come to.
const ALONE: u64 = 16 << 20;

/// What one row may come to where only an upper bound is known, which most calls stay far below.
const ALONE_AT_MOST: u64 = 256 << 20;

/// What a constant may come to: every row has it.
const CONSTANT: u64 = 4 << 10;

/// Functions that make a list as long as a number says. They are not offered at all.
pub(super) const LIST_MAKERS: &[&str] = &[
    "array_repeat",
    "array_resize",
    "generate_series",
    "list_repeat",
    "list_resize",
    "range",
];

/// Returns `function` with its guard, if it needs one.
pub(super) fn guarded(function: Arc<ScalarUDF>) -> Arc<ScalarUDF> {
    let growth = match function.name() {
        "repeat" => Growth::Repeat,
        "lpad" | "rpad" => Growth::Pad,
        "replace" => Growth::Replace,
        "regexp_replace" => Growth::ReplacePattern,
        "array_position" => Growth::None,
        _ => return function,
    };
    Arc::new(ScalarUDF::new_from_impl(Guarded { function, growth }))
}

/// How a result grows with the arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Growth {
    /// A text as often as a number says.
    Repeat,
    /// A text of as many characters as a number says.
    Pad,
    /// Each place of a text within another replaced by a third.
    Replace,
    /// The same, where places may be anywhere.
    ReplacePattern,
    /// Not at all, but for the smallest of all numbers it breaks down.
    None,
}

impl Growth {
    /// Returns the bytes that a row comes to.
    fn bytes(self, argument: impl Fn(usize) -> u64) -> u64 {
        let text = argument(0);
        match self {
            Self::Repeat => text.saturating_mul(argument(1)),
            Self::Pad => argument(1).saturating_mul(4),
            Self::Replace => {
                let places = text / argument(1).max(1) + 1;
                text.saturating_add(places.saturating_mul(argument(2)))
            }
            Self::ReplacePattern => text.saturating_add((text + 1).saturating_mul(argument(2))),
            Self::None => 0,
        }
    }

    fn alone(self) -> u64 {
        match self {
            Self::Repeat | Self::Pad | Self::None => ALONE,
            Self::Replace | Self::ReplacePattern => ALONE_AT_MOST,
        }
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Guarded {
    function: Arc<ScalarUDF>,
    growth: Growth,
}

impl Guarded {
    fn check(&self, called: &ScalarFunctionArgs) -> Result<()> {
        if self.growth == Growth::None {
            return self.check_start(called);
        }
        let mut measures = Vec::new();
        let mut is_constant = true;
        for argument in &called.args {
            is_constant &= matches!(argument, ColumnarValue::Scalar(_));
            measures.push(Measure::of(argument)?);
        }
        let rows = if is_constant { 1 } else { called.number_rows };
        let (limit, what) = match (is_constant, rows) {
            (true, _) => (CONSTANT, "a constant"),
            (false, 1) => (self.growth.alone(), "a text"),
            (false, _) => (TOGETHER, "texts"),
        };
        let mut sum = 0u64;
        for row in 0..rows {
            let argument = |at: usize| measures.get(at).map_or(0, |measure| measure.at(row));
            sum = sum.saturating_add(self.growth.bytes(argument));
        }
        if sum > limit {
            return exec_err!(
                "{} may make {what} of {sum} bytes, and {limit} is the limit",
                self.name()
            );
        }
        Ok(())
    }
}

impl Guarded {
    fn check_start(&self, called: &ScalarFunctionArgs) -> Result<()> {
        let Some(start) = called.args.get(2) else {
            return Ok(());
        };
        let starts = Measure::of(start)?.values;
        if starts.iter().flatten().any(|start| start < 1) {
            return exec_err!("{} begins at 1 or behind", self.name());
        }
        Ok(())
    }
}

/// An argument as a number: itself, or its bytes.
struct Measure {
    values: Int64Array,
    is_constant: bool,
}

impl Measure {
    fn of(argument: &ColumnarValue) -> Result<Self> {
        let array = argument.to_array(1)?;
        let numbers = match array.data_type() {
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => length(&array)?,
            _ => array,
        };
        Ok(Self {
            values: cast(&numbers, &DataType::Int64)?
                .as_primitive::<Int64Type>()
                .clone(),
            is_constant: matches!(argument, ColumnarValue::Scalar(_)),
        })
    }

    fn at(&self, row: usize) -> u64 {
        let row = if self.is_constant { 0 } else { row };
        if self.values.is_valid(row) {
            u64::try_from(self.values.value(row)).unwrap_or_default()
        } else {
            0
        }
    }
}

impl ScalarUDFImpl for Guarded {
    fn name(&self) -> &str {
        self.function.name()
    }

    fn signature(&self) -> &Signature {
        self.function.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.function.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs) -> Result<FieldRef> {
        self.function.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        self.function.coerce_types(arguments)
    }

    fn invoke_with_args(&self, called: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.check(&called)?;
        self.function.invoke_with_args(called)
    }
}

//! Arithmetic on whole numbers that says where it overflows.
//!
//! `DataFusion` lets `a + b` wrap around, in constants as in columns. So `+`, `-`, `*` and the sign become functions of
//! ours as soon as the types are settled, and the row on which one of them has no result is at fault.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Datum};
use arrow::compute::kernels::numeric::{add, mul, neg, sub};
use arrow::datatypes::DataType;
use datafusion_common::tree_node::{Transformed, TreeNode};
use datafusion_common::{DFSchema, Result, ScalarValue, plan_err};
use datafusion_expr::expr::ScalarFunction;
use datafusion_expr::{
    BinaryExpr, ColumnarValue, Expr, ExprSchemable, Operator, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, Volatility,
};

/// Returns `expr`, whose types are settled, with checked arithmetic on whole numbers.
pub(super) fn checked(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let done = expr.transform_up(|expr| {
        Ok(match operation(&expr, schema)? {
            Some((operation, arguments)) => Transformed::yes(Expr::ScalarFunction(
                ScalarFunction::new_udf(operation.function(), arguments),
            )),
            None => Transformed::no(expr),
        })
    })?;
    Ok(done.data)
}

fn operation(expr: &Expr, schema: &DFSchema) -> Result<Option<(Operation, Vec<Expr>)>> {
    let (operation, arguments) = match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => {
            let operation = match op {
                Operator::Plus => Operation::Add,
                Operator::Minus => Operation::Subtract,
                Operator::Multiply => Operation::Multiply,
                _ => return Ok(None),
            };
            (operation, vec![&**left, &**right])
        }
        Expr::Negative(inner) => (Operation::Negate, vec![&**inner]),
        _ => return Ok(None),
    };
    let mut types = Vec::new();
    for argument in &arguments {
        types.push(argument.get_type(schema)?);
    }
    let is_whole = types[0].is_integer() && types.iter().all(|other| *other == types[0]);
    Ok(is_whole.then(|| (operation, arguments.into_iter().cloned().collect())))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Operation {
    Add,
    Subtract,
    Multiply,
    Negate,
}

impl Operation {
    fn function(self) -> Arc<ScalarUDF> {
        static FUNCTIONS: LazyLock<[Arc<ScalarUDF>; 4]> = LazyLock::new(|| {
            use Operation as O;
            [O::Add, O::Subtract, O::Multiply, O::Negate].map(|operation| {
                let count = if operation == O::Negate { 1 } else { 2 };
                Arc::new(ScalarUDF::new_from_impl(Checked {
                    operation,
                    signature: Signature::any(count, Volatility::Immutable),
                }))
            })
        });
        Arc::clone(&FUNCTIONS[self as usize])
    }
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Checked {
    operation: Operation,
    signature: Signature,
}

impl ScalarUDFImpl for Checked {
    fn name(&self) -> &str {
        match self.operation {
            Operation::Add => "+",
            Operation::Subtract | Operation::Negate => "-",
            Operation::Multiply => "*",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        let Some(first) = arguments.first() else {
            return plan_err!("{} needs something to compute with", self.name());
        };
        Ok(first.clone())
    }

    fn invoke_with_args(&self, called: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = |value: &ColumnarValue| matches!(value, ColumnarValue::Scalar(_));
        let all_constant = called.args.iter().all(is_constant);
        let mut values: Vec<Box<dyn Datum>> = Vec::new();
        for argument in called.args {
            values.push(match argument {
                ColumnarValue::Array(array) => Box::new(array),
                ColumnarValue::Scalar(scalar) => Box::new(scalar.to_scalar()?),
            });
        }
        let made: ArrayRef = match (self.operation, values.as_slice()) {
            (Operation::Add, [a, b]) => add(&**a, &**b)?,
            (Operation::Subtract, [a, b]) => sub(&**a, &**b)?,
            (Operation::Multiply, [a, b]) => mul(&**a, &**b)?,
            (Operation::Negate, [a]) => neg(a.get().0)?,
            _ => return plan_err!("{} has too many or too few arguments", self.name()),
        };
        Ok(if all_constant {
            ColumnarValue::Scalar(ScalarValue::try_from_array(&made, 0)?)
        } else {
            ColumnarValue::Array(made)
        })
    }
}

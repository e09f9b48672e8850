//! The functions that SQL can call: `DataFusion`'s scalar ones, but for those whose answer depends on when or where
//! they are asked and those that make a list as long as a number says; and a few of our own for [JSON](super::json).

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use arrow::datatypes::DataType;
use datafusion_common::config::ConfigOptions;
use datafusion_common::{Result, TableReference, plan_err};
use datafusion_expr::planner::ExprPlanner;
use datafusion_expr::{
    AggregateUDF, HigherOrderUDF, ScalarUDF, TableSource, Volatility, WindowUDF,
};
use datafusion_functions::core::planner::CoreFunctionPlanner;
use datafusion_functions::datetime::planner::DatetimeFunctionPlanner;
use datafusion_functions::unicode::planner::UnicodeFunctionPlanner;
use datafusion_functions_nested::planner::{FieldAccessPlanner, NestedFunctionPlanner};
use datafusion_sql::planner::ContextProvider;

use super::guard::{LIST_MAKERS, guarded};
use super::json;
use crate::config::nearest;

/// Functions that tell of the program instead of the row.
const ABOUT_THE_PROGRAM: &[&str] = &["version", "arrow_metadata", "with_metadata", "arrow_field"];

/// The functions, by all their names.
pub(super) struct Functions {
    by_name: BTreeMap<String, Arc<ScalarUDF>>,
    planners: Vec<Arc<dyn ExprPlanner>>,
    options: ConfigOptions,
}

/// No function has that name.
pub(super) struct Unknown {
    /// The one that is most like it.
    pub(super) nearest: Option<String>,
}

/// Returns the functions.
pub(super) fn functions() -> &'static Functions {
    static FUNCTIONS: LazyLock<Functions> = LazyLock::new(Functions::new);
    &FUNCTIONS
}

impl Functions {
    fn new() -> Self {
        let all = datafusion_functions::all_default_functions().into_iter();
        let all = all.chain(datafusion_functions_nested::all_default_nested_functions());
        let all = all.chain(json::functions());
        let mut by_name = BTreeMap::new();
        for function in all {
            let is_pure = function.signature().volatility == Volatility::Immutable
                && !ABOUT_THE_PROGRAM.contains(&function.name());
            if is_pure {
                let function = guarded(function);
                let names = function.aliases().iter().map(String::as_str);
                let names = names.chain([function.name()]);
                for name in names.filter(|name| !LIST_MAKERS.contains(name)) {
                    by_name.insert(name.to_ascii_lowercase(), Arc::clone(&function));
                }
            }
        }
        Self {
            by_name,
            planners: vec![
                Arc::new(CoreFunctionPlanner::default()),
                Arc::new(DatetimeFunctionPlanner),
                Arc::new(UnicodeFunctionPlanner),
                Arc::new(NestedFunctionPlanner),
                Arc::new(FieldAccessPlanner),
            ],
            options: ConfigOptions::default(),
        }
    }

    /// Tells whether there is such a function.
    pub(super) fn look_up(&self, name: &str) -> Result<(), Unknown> {
        // Both ways to make a map are built into the planner.
        if self.by_name.contains_key(name) || name == "make_map" {
            return Ok(());
        }
        let near = nearest(name, self.by_name.keys().map(String::as_str));
        Err(Unknown {
            nearest: near.map(str::to_owned),
        })
    }
}

#[cfg(test)]
impl Functions {
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.values().map(|function| function.name())
    }
}

impl ContextProvider for Functions {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>> {
        plan_err!("there is no table {name}")
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.planners
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        self.by_name.get(&name.to_ascii_lowercase()).cloned()
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, _name: &str) -> Option<Arc<AggregateUDF>> {
        None
    }

    fn get_window_meta(&self, _name: &str) -> Option<Arc<WindowUDF>> {
        None
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        &self.options
    }

    fn udf_names(&self) -> Vec<String> {
        self.by_name.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udwf_names(&self) -> Vec<String> {
        Vec::new()
    }
}

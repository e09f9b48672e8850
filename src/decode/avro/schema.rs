//! The schema of a container: JSON -> a tree of what a row is made of.
//!
//! A name stands for its definition wherever it is used, so that a small schema can describe very large rows; the
//! tree counts every use, and stops at a limit.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, TimeUnit};
use serde_json::{Map, Value};

use crate::decode::MAX_COLUMNS;
use crate::model::{Column, FileComments, Logical, MAX_NESTING};
use crate::schema::{canonical_column, join_columns};

const DECIMAL128_DIGITS: u8 = 38;
const DECIMAL256_DIGITS: u8 = 76;
pub(super) const UUID_BYTES: i32 = 16;
/// Bytes of a fixed value, at most: a null takes as much room.
const WIDE: i32 = 1024;
/// Bytes of names and symbols, each time that they are used, at most.
const NAME_BYTES: usize = 16 << 20;
/// Where a schema says something in words, and the key under which that counts.
const DOC: &str = "doc";

/// One value of a row.
#[derive(Debug)]
pub(super) enum Node {
    Null,
    Boolean,
    /// Whole numbers of 32 bits, and what is written as such.
    Int(DataType),
    /// Whole numbers of 64 bits, and what is written as such, with the factor to the unit of the type.
    Long(DataType, i64),
    Float,
    Double,
    Bytes,
    Text,
    Fixed(i32),
    Uuid,
    Enum(Vec<String>),
    /// Of so many bytes, or with a length of its own.
    Decimal(Option<usize>, DataType),
    Record(Vec<(String, Node)>),
    List(Box<Node>),
    Map(Box<Node>),
    Union(Vec<Node>),
}

impl Node {
    /// Returns the columns of a row that is this.
    pub(super) fn columns(&self) -> impl Iterator<Item = (&str, &Self)> {
        let (fields, alone) = match self {
            Self::Record(fields) => (fields.as_slice(), None),
            other => (&[][..], Some(("value", other))),
        };
        let fields = fields.iter().map(|(name, node)| (name.as_str(), node));
        fields.chain(alone)
    }

    /// Returns the number of single values within, lists counted once.
    pub(super) fn values(&self) -> usize {
        match self {
            Self::Record(fields) => fields.iter().map(|(_, node)| node.values()).sum(),
            Self::List(item) | Self::Map(item) => 1 + item.values(),
            Self::Union(branches) => 1 + branches.iter().map(Self::values).sum::<usize>(),
            _ => 1,
        }
    }

    /// Returns the column of it that is called `name`.
    fn column(&self, name: &str) -> Column {
        match self {
            Self::Uuid => Column {
                logical: Some(Logical::Uuid),
                ..Column::new(name, self.data_type())
            },
            Self::Union(branches) => branches
                .iter()
                .map(|branch| canonical_column(&branch.field(name)))
                .reduce(|a, b| join_columns(&a, &b))
                .unwrap_or_else(|| Column::new(name, DataType::Null)),
            _ => Column::new(name, self.data_type()),
        }
    }

    /// Returns the column of it that is called `name` in Arrow's terms.
    pub(super) fn field(&self, name: &str) -> Field {
        self.column(name).to_field()
    }

    /// Returns the type of a column of it.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Null => DataType::Null,
            Self::Boolean => DataType::Boolean,
            Self::Int(data_type) | Self::Long(data_type, _) | Self::Decimal(_, data_type) => {
                data_type.clone()
            }
            Self::Float => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Bytes => DataType::Binary,
            Self::Text | Self::Enum(_) => DataType::Utf8,
            Self::Fixed(size) => DataType::FixedSizeBinary(*size),
            Self::Uuid => DataType::FixedSizeBinary(UUID_BYTES),
            Self::Record(fields) => {
                let fields = fields.iter();
                DataType::Struct(fields.map(|(name, node)| node.field(name)).collect())
            }
            Self::List(item) => DataType::List(item.field(Field::LIST_FIELD_DEFAULT_NAME).into()),
            Self::Map(value) => {
                let fields = vec![
                    Field::new("key", DataType::Utf8, false),
                    value.field("value"),
                ];
                let entries = Field::new("entries", DataType::Struct(fields.into()), false);
                DataType::Map(entries.into(), false)
            }
            Self::Union(_) => self.column("").data_type,
        }
    }
}

/// Reads a schema, adding what it says in words to `comments`, and says what is wrong with it.
pub(super) fn parse(json: &[u8], comments: &mut FileComments) -> Result<Node, String> {
    let json: Value =
        serde_json::from_slice(json).map_err(|error| format!("the schema is no JSON: {error}"))?;
    let mut parser = Parser {
        names: HashMap::new(),
        open: Vec::new(),
        nodes: 0,
        name_bytes: 0,
    };
    let node = parser.node(&json, "", 0)?;
    add_docs(&json, comments);
    Ok(node)
}

/// Adds what is said of a row, and of the fields that are its columns.
fn add_docs(json: &Value, comments: &mut FileComments) {
    let mut row = json;
    while let Some(inner @ Value::Object(_)) = row.get("type") {
        row = inner;
    }
    let doc = |value: &Value| value.get(DOC)?.as_str().map(str::to_owned);
    if let Some(doc) = doc(row) {
        comments.add(None, DOC, &doc);
    }
    let fields = row.get("fields").and_then(Value::as_array);
    for field in fields.into_iter().flatten() {
        if let (Some(name), Some(doc)) = (field.get("name"), doc(field)) {
            comments.add(name.as_str(), DOC, &doc);
        }
    }
}

struct Parser<'j> {
    /// Definitions by full name, each with the namespace that its own names are in.
    names: HashMap<String, &'j Map<String, Value>>,
    /// The records that are being read.
    open: Vec<String>,
    nodes: usize,
    name_bytes: usize,
}

impl<'j> Parser<'j> {
    /// Counts a name, which is copied wherever it is used.
    fn charge(&mut self, name: &str) -> Result<(), String> {
        self.name_bytes += size_of::<String>() + name.len();
        if self.name_bytes > NAME_BYTES {
            return Err("the schema repeats too many names".to_owned());
        }
        Ok(())
    }

    fn node(&mut self, json: &'j Value, space: &str, depth: usize) -> Result<Node, String> {
        self.nodes += 1;
        if self.nodes > MAX_COLUMNS {
            return Err(format!(
                "the schema has more than {MAX_COLUMNS} values in a row"
            ));
        }
        if depth > MAX_NESTING {
            return Err(format!(
                "the schema is nested more than {MAX_NESTING} levels deep"
            ));
        }
        match json {
            Value::String(name) => self.named(name, space, depth),
            Value::Array(branches) => {
                let branches = branches.iter().map(|branch| match branch {
                    Value::Array(_) => Err("a union lies directly within a union".to_owned()),
                    branch => self.node(branch, space, depth),
                });
                Ok(Node::Union(branches.collect::<Result<_, _>>()?))
            }
            Value::Object(object) => self.object(object, space, depth),
            _ => Err("the schema has a type that is no name, list or object".to_owned()),
        }
    }

    fn named(&mut self, name: &str, space: &str, depth: usize) -> Result<Node, String> {
        if let Some(node) = primitive(name) {
            return Ok(node);
        }
        let full = full_name(name, space);
        if self.open.contains(&full) {
            return Err(format!(
                "the record {full} contains itself, and no table can hold that"
            ));
        }
        match self.names.get(&full).copied() {
            Some(object) => self.defined(object, full, depth),
            None => Err(format!("the schema has the unknown type {name:?}")),
        }
    }

    fn object(
        &mut self,
        object: &'j Map<String, Value>,
        space: &str,
        depth: usize,
    ) -> Result<Node, String> {
        let kind = object
            .get("type")
            .ok_or("the schema has a type without \"type\"")?;
        let Value::String(kind) = kind else {
            return self.node(kind, space, depth);
        };
        let inner = |key: &str| {
            let missing = || format!("the schema has a type {kind:?} without {key:?}");
            object.get(key).ok_or_else(missing)
        };
        match kind.as_str() {
            "array" => Ok(Node::List(Box::new(self.node(
                inner("items")?,
                space,
                depth + 1,
            )?))),
            "map" => Ok(Node::Map(Box::new(self.node(
                inner("values")?,
                space,
                depth + 1,
            )?))),
            "record" | "error" | "enum" | "fixed" => {
                let name = text(object, "name")?;
                let space = object
                    .get("namespace")
                    .and_then(Value::as_str)
                    .unwrap_or(space);
                let full = full_name(name, space);
                let known = self.names.insert(full.clone(), object);
                if known.is_some_and(|known| !std::ptr::eq(known, object)) {
                    return Err(format!("the schema defines {full} twice"));
                }
                self.defined(object, full, depth)
            }
            name => {
                let node = self.named(name, space, depth)?;
                Ok(logical(object, node))
            }
        }
    }

    /// Reads a definition that has a name.
    fn defined(
        &mut self,
        object: &'j Map<String, Value>,
        full: String,
        depth: usize,
    ) -> Result<Node, String> {
        match text(object, "type")? {
            "enum" => {
                let symbols = object.get("symbols").and_then(Value::as_array);
                let symbols = symbols.ok_or_else(|| format!("the enum {full} has no symbols"))?;
                let symbols = symbols
                    .iter()
                    .map(|symbol| symbol.as_str().map(str::to_owned));
                let symbols: Option<Vec<String>> = symbols.collect();
                let symbols =
                    symbols.ok_or_else(|| format!("a symbol of the enum {full} is no text"))?;
                for symbol in &symbols {
                    self.charge(symbol)?;
                }
                Ok(Node::Enum(symbols))
            }
            "fixed" => {
                let size = object.get("size").and_then(Value::as_i64);
                let size = size.and_then(|size| i32::try_from(size).ok());
                let size = size.filter(|size| *size > 0);
                let size =
                    size.ok_or_else(|| format!("{full} is fixed to a size that cannot be"))?;
                if size > WIDE {
                    return Err(format!("{full} is fixed to more than {WIDE} bytes"));
                }
                Ok(logical(object, Node::Fixed(size)))
            }
            _ => {
                let space = full
                    .rsplit_once('.')
                    .map_or("", |(space, _)| space)
                    .to_owned();
                self.open.push(full);
                let node = self.record(object, &space, depth)?;
                self.open.pop();
                Ok(node)
            }
        }
    }

    fn record(
        &mut self,
        object: &'j Map<String, Value>,
        space: &str,
        depth: usize,
    ) -> Result<Node, String> {
        let fields = object.get("fields").and_then(Value::as_array);
        let fields = fields.ok_or("the schema has a record without \"fields\"")?;
        let mut names = HashSet::new();
        let mut nodes = Vec::new();
        for field in fields {
            let field = field
                .as_object()
                .ok_or("the schema has a field that is no object")?;
            let name = text(field, "name")?;
            if !names.insert(name) {
                return Err(format!("a record has two fields called {name:?}"));
            }
            let kind = field
                .get("type")
                .ok_or_else(|| format!("the field {name:?} has no type"))?;
            let node = self.node(kind, space, depth + 1)?;
            // Some writers put the logical type beside the name, where it means nothing.
            self.charge(name)?;
            nodes.push((name.to_owned(), node));
        }
        Ok(Node::Record(nodes))
    }
}

fn primitive(name: &str) -> Option<Node> {
    Some(match name {
        "null" => Node::Null,
        "boolean" => Node::Boolean,
        "int" => Node::Int(DataType::Int32),
        "long" => Node::Long(DataType::Int64, 1),
        "float" => Node::Float,
        "double" => Node::Double,
        "bytes" => Node::Bytes,
        "string" => Node::Text,
        _ => return None,
    })
}

/// Gives a type the meaning that is written beside it; one that does not go with it means nothing.
fn logical(object: &Map<String, Value>, node: Node) -> Node {
    let Some(name) = object.get("logicalType").and_then(Value::as_str) else {
        return node;
    };
    let instant = |unit, zoned: bool| DataType::Timestamp(unit, zoned.then(|| Arc::from("UTC")));
    let (base, is_local) = match name.strip_prefix("local-") {
        Some(base) => (base, true),
        None => (name, false),
    };
    match (node, base) {
        (Node::Int(_), "date") => Node::Int(DataType::Date32),
        (Node::Int(_), "time-millis") => Node::Int(DataType::Time32(TimeUnit::Millisecond)),
        (Node::Long(..), "time-micros") => Node::Long(DataType::Time64(TimeUnit::Microsecond), 1),
        (Node::Long(..), "timestamp-millis") => {
            Node::Long(instant(TimeUnit::Microsecond, !is_local), 1000)
        }
        (Node::Long(..), "timestamp-micros") => {
            Node::Long(instant(TimeUnit::Microsecond, !is_local), 1)
        }
        (Node::Long(..), "timestamp-nanos") => {
            Node::Long(instant(TimeUnit::Nanosecond, !is_local), 1)
        }
        (Node::Bytes, "decimal") => decimal(object, None).unwrap_or(Node::Bytes),
        (Node::Fixed(size), "decimal") => {
            let bytes = usize::try_from(size).ok();
            decimal(object, bytes).unwrap_or(Node::Fixed(size))
        }
        (Node::Fixed(UUID_BYTES), "uuid") => Node::Uuid,
        (node, _) => node,
    }
}

fn decimal(object: &Map<String, Value>, size: Option<usize>) -> Option<Node> {
    let precision = u8::try_from(object.get("precision")?.as_u64()?).ok()?;
    let scale = object.get("scale").map_or(Some(0), Value::as_u64)?;
    let scale = u8::try_from(scale)
        .ok()
        .filter(|scale| *scale <= precision)?;
    let digits = i8::try_from(scale).ok()?;
    let data_type = if precision == 0 || precision > DECIMAL256_DIGITS {
        return None;
    } else if precision <= DECIMAL128_DIGITS {
        DataType::Decimal128(precision, digits)
    } else {
        DataType::Decimal256(precision, digits)
    };
    Some(Node::Decimal(size, data_type))
}

fn text<'o>(object: &'o Map<String, Value>, key: &str) -> Result<&'o str, String> {
    let value = object.get(key).and_then(Value::as_str);
    value.ok_or_else(|| format!("the schema has a type or field without {key:?}"))
}

fn full_name(name: &str, space: &str) -> String {
    if name.contains('.') || space.is_empty() {
        name.trim_start_matches('.').to_owned()
    } else {
        format!("{space}.{name}")
    }
}

//! What the values of a JSON column have in common so far.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use super::tape::{Token, Value};
use crate::schema::TextType;

/// The names of a table or struct, in order of first appearance, each with something.
pub(super) struct Fields<T> {
    names: Vec<Arc<str>>,
    index: HashMap<Arc<str>, usize>,
    items: Vec<T>,
}

impl<T> Default for Fields<T> {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            index: HashMap::new(),
            items: Vec::new(),
        }
    }
}

impl<T> Fields<T> {
    /// Returns the place of `name`. Records mostly have the same keys in the same order, so `expected` is tried
    /// first.
    pub(super) fn find(&self, name: &str, expected: usize) -> Option<usize> {
        match self.names.get(expected) {
            Some(there) if **there == *name => Some(expected),
            _ => self.index.get(name).copied(),
        }
    }

    /// Adds a name that is not there yet and returns its place.
    pub(super) fn add(&mut self, name: &str, item: T) -> usize {
        let name: Arc<str> = name.into();
        self.index.insert(Arc::clone(&name), self.names.len());
        self.names.push(name);
        self.items.push(item);
        self.names.len() - 1
    }

    /// Returns what is at a place.
    pub(super) fn item(&mut self, at: usize) -> &mut T {
        &mut self.items[at]
    }

    /// Returns names and items in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &T)> {
        self.names.iter().map(AsRef::as_ref).zip(&self.items)
    }

    /// Returns names and items in order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&str, &mut T)> {
        self.names.iter().map(AsRef::as_ref).zip(&mut self.items)
    }

    /// Returns the number of names.
    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

/// How many more names a file may bring.
pub(super) struct NameBudget(pub(super) usize);

/// A file brings more names than the limit.
#[derive(Debug)]
pub(super) struct TooManyNames;

impl NameBudget {
    /// Takes one.
    pub(super) fn take(&mut self) -> Result<(), TooManyNames> {
        self.0 = self.0.checked_sub(1).ok_or(TooManyNames)?;
        Ok(())
    }
}

/// The join of the values seen.
pub(super) enum Seen {
    /// Single values, `Text` above everything.
    Scalar(TextType),
    /// Arrays.
    List(Box<Seen>),
    /// Objects.
    Struct(Fields<Seen>),
}

impl Seen {
    /// Returns the join of no values.
    pub(super) fn nothing() -> Self {
        Self::Scalar(TextType::Null)
    }

    /// Joins one more value.
    pub(super) fn observe(
        &mut self,
        value: Value<'_>,
        budget: &mut NameBudget,
    ) -> Result<(), TooManyNames> {
        if matches!(self, Self::Scalar(TextType::Text)) {
            return Ok(());
        }
        let scalar = match value.token() {
            Token::Null => return Ok(()),
            Token::Array => return self.observe_array(value, budget),
            Token::Object => return self.observe_object(value, budget),
            Token::True | Token::False => TextType::Boolean,
            Token::Number => TextType::of_number(value.raw()).unwrap_or(TextType::Text),
            Token::String | Token::Escaped => TextType::Text,
        };
        *self = match self {
            Self::Scalar(seen) => Self::Scalar(seen.join(scalar)),
            Self::List(_) | Self::Struct(_) => Self::Scalar(TextType::Text),
        };
        Ok(())
    }

    fn observe_array(
        &mut self,
        value: Value<'_>,
        budget: &mut NameBudget,
    ) -> Result<(), TooManyNames> {
        if matches!(self, Self::Scalar(TextType::Null)) {
            *self = Self::List(Box::new(Self::nothing()));
        }
        let Self::List(item) = self else {
            *self = Self::Scalar(TextType::Text);
            return Ok(());
        };
        value
            .elements()
            .try_for_each(|element| item.observe(element, budget))
    }

    fn observe_object(
        &mut self,
        value: Value<'_>,
        budget: &mut NameBudget,
    ) -> Result<(), TooManyNames> {
        if matches!(self, Self::Scalar(TextType::Null)) {
            *self = Self::Struct(Fields::default());
        }
        let Self::Struct(fields) = self else {
            *self = Self::Scalar(TextType::Text);
            return Ok(());
        };
        for (count, (key, member)) in value.members().enumerate() {
            let at = if let Some(at) = fields.find(key, count) {
                at
            } else {
                budget.take()?;
                fields.add(key, Self::nothing())
            };
            fields.item(at).observe(member, budget)?;
        }
        Ok(())
    }

    /// Returns the same in Arrow's terms, with the fields of structs sorted.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Scalar(scalar) => scalar.data_type(),
            Self::List(item) => {
                DataType::List(Arc::new(Field::new_list_field(item.data_type(), true)))
            }
            Self::Struct(fields) => {
                let mut fields: Vec<Field> = fields
                    .iter()
                    .map(|(name, seen)| Field::new(name, seen.data_type(), true))
                    .collect();
                fields.sort_by(|a, b| a.name().cmp(b.name()));
                DataType::Struct(fields.into())
            }
        }
    }
}

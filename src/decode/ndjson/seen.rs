//! What the values of a JSON column have in common so far.
//!
//! The blocks of a file are looked at apart and then [joined](Seen::join), in order. That gives what one look at the
//! whole would have given, down to the names that it would have taken from its [`NameBudget`]: names below something
//! that has become text are not counted any more, and those before are not given back, so that
//! [`Mixed`](Seen::Mixed) remembers what it was.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field};

use super::fields::Fields;
use super::tape::{Token, Value};
use crate::schema::TextType;

/// How many more names a file may bring.
pub(super) struct NameBudget(pub(super) usize);

/// A file brings more names than the limit.
#[derive(Debug)]
pub(super) struct TooManyNames;

impl NameBudget {
    /// Takes some.
    pub(super) fn take(&mut self, count: usize) -> Result<(), TooManyNames> {
        self.0 = self.0.checked_sub(count).ok_or(TooManyNames)?;
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
    /// Text since other values came to the arrays or objects that it was.
    Mixed(Box<Seen>),
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
        if matches!(self, Self::Scalar(TextType::Text) | Self::Mixed(_)) {
            return Ok(());
        }
        let scalar = match value.token() {
            Token::Null => return Ok(()),
            Token::Array(_) => return self.observe_array(value, budget),
            Token::Object(_) => return self.observe_object(value, budget),
            Token::True | Token::False => TextType::Boolean,
            Token::Int(_) => TextType::Int64,
            Token::Float(_) => TextType::Float64,
            Token::Number => TextType::of_number(value.raw()).unwrap_or(TextType::Text),
            Token::String | Token::Escaped(..) => TextType::of_string(value.content()),
            Token::Key(_) => TextType::Text,
        };
        match self {
            Self::Scalar(seen) => *seen = seen.join(scalar),
            _ => self.mix(),
        }
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
            self.mix();
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
            self.mix();
            return Ok(());
        };
        for (key, member) in value.members() {
            let at = if let Some(at) = fields.find(key) {
                at
            } else {
                budget.take(1)?;
                fields.add(key.name(), Self::nothing())
            };
            fields.item(at).observe(member, budget)?;
        }
        Ok(())
    }

    /// Becomes text.
    fn mix(&mut self) {
        *self = match std::mem::replace(self, Self::nothing()) {
            Self::Scalar(_) => Self::Scalar(TextType::Text),
            Self::Mixed(was) => Self::Mixed(was),
            was => Self::Mixed(Box::new(was)),
        };
    }

    /// Returns how many names the values that `later` has seen would have taken, had they been seen here.
    pub(super) fn names_in(&self, later: &Self) -> usize {
        match (self, later) {
            (_, Self::Mixed(was)) => self.names_in(was),
            (Self::List(item), Self::List(later)) => item.names_in(later),
            (Self::Scalar(TextType::Null), Self::List(later)) => Self::nothing().names_in(later),
            (Self::Struct(fields), Self::Struct(later)) => {
                let names = later.iter().map(|(name, later)| match fields.of(name) {
                    Some(seen) => seen.names_in(later),
                    None => 1 + Self::nothing().names_in(later),
                });
                names.sum()
            }
            (Self::Scalar(TextType::Null), Self::Struct(later)) => {
                let names = later.iter();
                names
                    .map(|(_, later)| 1 + Self::nothing().names_in(later))
                    .sum()
            }
            _ => 0,
        }
    }

    /// Joins what was seen later. Nothing of it is moved here, for it knows the keys of another tape.
    pub(super) fn join(&mut self, later: &Self) {
        match (&mut *self, later) {
            (_, Self::Scalar(TextType::Null)) | (Self::Mixed(_), _) => {}
            (Self::Scalar(seen), Self::Scalar(later)) => *seen = seen.join(*later),
            (Self::List(item), Self::List(later)) => item.join(later),
            (Self::Struct(fields), Self::Struct(later)) => {
                for (name, later) in later.iter() {
                    let at = match fields.place_of(name) {
                        Some(at) => at,
                        None => fields.add(name, Self::nothing()),
                    };
                    fields.item(at).join(later);
                }
            }
            (Self::Scalar(TextType::Null), Self::List(_)) => {
                *self = Self::List(Box::new(Self::nothing()));
                self.join(later);
            }
            (Self::Scalar(TextType::Null), Self::Struct(_)) => {
                *self = Self::Struct(Fields::default());
                self.join(later);
            }
            (_, _) => *self = Self::Scalar(TextType::Text),
        }
    }

    /// Returns the same in Arrow's terms, with the fields of structs sorted.
    pub(super) fn data_type(&self) -> DataType {
        match self {
            Self::Scalar(scalar) => scalar.data_type(),
            Self::Mixed(_) => DataType::Utf8,
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

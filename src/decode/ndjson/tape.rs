//! The values of a row, or of several that are alike, laid out flat.
//!
//! The tape keeps where each token lies in the text, because a `Utf8` column stores a number digit for digit;
//! parsers that hand out numbers as machine words have lost that. It is reused from row to row, so that it costs a few
//! stores a value and lies in the first cache. Of the keys of a row it holds the numbers only, and they stay from row to
//! row as well: a row that has the keys of the one before leaves them as they are.

use super::keys::{KeyId, Keys};

/// What a value is, with what there is to know about it beside its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Token {
    Null,
    True,
    False,
    /// A whole number within 64 bits, read.
    Int(i64),
    /// A finite number that is no whole number, read.
    Float(f64),
    /// A number that is not read yet.
    Number,
    String,
    /// A string whose content is among the tape's texts, and where it stands there.
    Escaped(u32, u32),
    /// A string that is a key with a number.
    Key(KeyId),
    /// An array, and the node behind it.
    Array(u32),
    /// An object, and the node behind it.
    Object(u32),
}

/// A value on the tape. Behind an array come its elements, behind an object its keys and values by turns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    pub(super) token: Token,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Values, one behind the other.
#[derive(Default)]
pub(super) struct Tape {
    /// The keys of the row. One without a number has a node, in front of its value.
    pub(super) keys: Vec<KeyId>,
    pub(super) nodes: Vec<Node>,
    pub(super) texts: String,
}

/// A row and its values.
#[derive(Clone, Copy)]
pub(super) struct Parsed<'t> {
    text: &'t str,
    tape: &'t Tape,
    nodes: &'t [Node],
    keys: &'t Keys,
}

impl<'t> Parsed<'t> {
    /// Puts them together.
    pub(super) fn new(text: &'t str, tape: &'t Tape, keys: &'t Keys) -> Self {
        let nodes = &tape.nodes;
        Self {
            text,
            tape,
            nodes,
            keys,
        }
    }

    /// Returns the members of the row.
    #[inline]
    pub(super) fn members(&'t self) -> impl Iterator<Item = (Key<'t>, Value<'t>)> {
        let mut at = 0;
        self.tape.keys.iter().map(move |id| {
            let key = Key {
                id: *id,
                node: self.value(at),
            };
            let value = self.value(at + usize::from(*id == KeyId::NONE));
            at = value.next();
            (key, value)
        })
    }

    /// Returns the keys of the row, all of which have a number and a single value.
    pub(super) fn keys(&'t self) -> impl Iterator<Item = Key<'t>> {
        let keys = self.tape.keys.iter().enumerate();
        keys.map(|(at, id)| Key {
            id: *id,
            node: self.value(at),
        })
    }

    /// Returns the value at a node.
    #[inline]
    pub(super) fn value(&'t self, at: usize) -> Value<'t> {
        Value { row: self, at }
    }
}

/// A key of a parsed row, or of an object in it.
#[derive(Clone, Copy)]
pub(super) struct Key<'t> {
    id: KeyId,
    /// Its node; of a row's key with a number, which has none, that of its value.
    node: Value<'t>,
}

impl<'t> Key<'t> {
    /// Returns its number.
    #[inline]
    pub(super) fn id(self) -> KeyId {
        self.id
    }

    /// Returns its name.
    pub(super) fn name(self) -> &'t str {
        match self.id {
            KeyId::NONE => self.node.content(),
            id => self.node.row.keys.name(id),
        }
    }
}

/// A value of a parsed row.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    row: &'t Parsed<'t>,
    at: usize,
}

impl<'t> Value<'t> {
    /// Returns what it is.
    #[inline]
    pub(super) fn token(self) -> Token {
        self.node().token
    }

    /// Returns where it begins.
    pub(super) fn start(self) -> usize {
        self.node().start as usize
    }

    /// Returns its text as it stands in the row.
    pub(super) fn raw(self) -> &'t str {
        let node = self.node();
        &self.row.text[node.start as usize..node.end as usize]
    }

    /// Returns a string's content.
    pub(super) fn content(self) -> &'t str {
        let node = self.node();
        if let Token::Escaped(start, end) = node.token {
            return &self.row.tape.texts[start as usize..end as usize];
        }
        &self.row.text[node.start as usize + 1..node.end as usize - 1]
    }

    /// Returns an array's elements.
    pub(super) fn elements(self) -> impl Iterator<Item = Value<'t>> {
        let end = self.next();
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let value = (at < end).then_some(Value { at, ..self })?;
            at = value.next();
            Some(value)
        })
    }

    /// Returns an object's members.
    pub(super) fn members(self) -> impl Iterator<Item = (Key<'t>, Value<'t>)> {
        let end = self.next();
        let mut at = self.at + 1;
        std::iter::from_fn(move || {
            let key = (at < end).then_some(Value { at, ..self })?.key();
            let value = Value { at: at + 1, ..self };
            at = value.next();
            Some((key, value))
        })
    }

    /// Appends its text without the spaces between tokens.
    pub(super) fn write_compact(self, out: &mut String) {
        match self.token() {
            Token::Array(_) => {
                out.push('[');
                for (count, element) in self.elements().enumerate() {
                    if count > 0 {
                        out.push(',');
                    }
                    element.write_compact(out);
                }
                out.push(']');
            }
            Token::Object(_) => {
                out.push('{');
                for (count, (key, value)) in self.members().enumerate() {
                    if count > 0 {
                        out.push(',');
                    }
                    out.push_str(key.node.raw());
                    out.push(':');
                    value.write_compact(out);
                }
                out.push('}');
            }
            _ => out.push_str(self.raw()),
        }
    }

    fn key(self) -> Key<'t> {
        let id = match self.token() {
            Token::Key(id) => id,
            _ => KeyId::NONE,
        };
        Key { id, node: self }
    }

    #[inline]
    fn node(self) -> &'t Node {
        &self.row.nodes[self.at]
    }

    #[inline]
    fn next(self) -> usize {
        match self.token() {
            Token::Array(behind) | Token::Object(behind) => behind as usize,
            _ => self.at + 1,
        }
    }
}

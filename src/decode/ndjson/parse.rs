//! Checks one row of JSON and lays it out on a [`Tape`].

use std::collections::HashSet;

use super::escape::unescape;
use super::keys::{KeyId, Keys, Mark, Spot};
use super::scan::{Number, number, string_stop};
use super::tape::{More, Node, Parsed, Tape, Token, Value};
use crate::decode::JsonFault;
use crate::model::MAX_NESTING;

/// Containers within one another, at most: the row itself, and what a column may hold. The walk over a tape recurses.
const MAX_DEPTH: usize = MAX_NESTING + 1;

/// What is wrong with a row, and at which byte of it. Boxed, so that what is right is told in a register.
#[derive(Debug)]
pub(super) struct Fault(Box<(usize, JsonFault)>);

impl Fault {
    /// Returns the byte, and what is wrong there.
    pub(super) fn parts(self) -> (usize, JsonFault) {
        *self.0
    }
}

/// Parses the rows of a text one after the other.
#[derive(Default)]
pub(super) struct Parser {
    tape: Tape,
    keys: Keys,
}

impl Parser {
    /// Parses a row that holds one object; it has fewer than 2³² bytes.
    pub(super) fn parse<'t>(&'t mut self, text: &'t str) -> Result<Parsed<'t>, Fault> {
        self.tape.nodes.clear();
        self.tape.texts.clear();
        let mut row = Row {
            text,
            at: 0,
            tape: &mut self.tape,
            keys: &mut self.keys,
        };
        row.skip_spaces();
        if row.peek() != Some(b'{') {
            return Err(fault(row.at, JsonFault::NotAnObject));
        }
        row.object(KeyId::NONE, MAX_DEPTH)?;
        row.skip_spaces();
        if row.at < text.len() {
            return Err(fault(row.at, JsonFault::TrailingText));
        }
        Ok(Parsed::new(text, &self.tape))
    }
}

struct Row<'t> {
    text: &'t str,
    at: usize,
    tape: &'t mut Tape,
    keys: &'t mut Keys,
}

impl Row<'_> {
    /// Parses a value that stands below `key`.
    fn value(&mut self, key: KeyId, depth: usize) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b'{') => self.object(key, depth),
            Some(b'[') => self.array(key, depth),
            Some(b't') => self.literal("true", Token::True),
            Some(b'f') => self.literal("false", Token::False),
            Some(b'n') => self.literal("null", Token::Null),
            Some(_) => Err(fault(self.at, JsonFault::ExpectedValue)),
            None => Err(fault(self.at, JsonFault::UnexpectedEnd)),
        }
    }

    fn object(&mut self, within: KeyId, depth: usize) -> Result<(), Fault> {
        let (node, depth) = self.open(Token::Object, depth)?;
        let mut last = KeyId::NONE;
        let mut is_ascending = true;
        if !self.closes(b'}') {
            loop {
                let behind = last;
                let id = self.key(Spot { within, behind })?;
                // Numbers that only grow do not come twice.
                is_ascending &= id > last;
                last = id;
                self.skip_spaces();
                self.value(id, depth)?;
                if self.ends(b'}')? {
                    break;
                }
            }
        }
        self.close(node);
        if is_ascending {
            return Ok(());
        }
        self.check_keys(node)
    }

    fn array(&mut self, key: KeyId, depth: usize) -> Result<(), Fault> {
        let (node, depth) = self.open(Token::Array, depth)?;
        if !self.closes(b']') {
            loop {
                self.value(key, depth)?;
                if self.ends(b']')? {
                    break;
                }
            }
        }
        self.close(node);
        Ok(())
    }

    /// Goes behind the opening bracket and the spaces there, and returns the node and how deep its values may be.
    fn open(&mut self, token: Token, depth: usize) -> Result<(usize, usize), Fault> {
        let Some(depth) = depth.checked_sub(1) else {
            let limit = MAX_NESTING;
            return Err(fault(self.at, JsonFault::TooDeep { limit }));
        };
        let node = self.tape.nodes.len();
        self.push(token, self.at, More::Nothing);
        self.at += 1;
        self.skip_spaces();
        Ok((node, depth))
    }

    /// Goes behind the bracket that closes a container without values, if it stands here.
    fn closes(&mut self, closing: u8) -> bool {
        let closes = self.peek() == Some(closing);
        self.at += usize::from(closes);
        closes
    }

    /// Goes behind the comma or the bracket that follows a value, and tells whether it is the bracket.
    #[inline]
    fn ends(&mut self, closing: u8) -> Result<bool, Fault> {
        self.skip_spaces();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                self.skip_spaces();
                Ok(false)
            }
            Some(byte) if byte == closing => {
                self.at += 1;
                Ok(true)
            }
            Some(_) => Err(fault(self.at, JsonFault::ExpectedComma)),
            None => Err(fault(self.at, JsonFault::UnexpectedEnd)),
        }
    }

    fn close(&mut self, node: usize) {
        let behind = short(self.tape.nodes.len());
        let node = &mut self.tape.nodes[node];
        node.more = More::Behind(behind);
        node.end = short(self.at);
    }

    /// Parses a key and its colon.
    #[inline]
    fn key(&mut self, spot: Spot) -> Result<KeyId, Fault> {
        let start = self.at;
        if let Some((id, length)) = self
            .keys
            .guess(self.keys.likely(spot), &self.text.as_bytes()[start..])
        {
            // The node ends before the colon.
            self.at += length - 1;
            self.push(Token::String, start, More::Key(id));
            self.at += 1;
            return Ok(id);
        }
        self.unlikely_key(spot)
    }

    #[inline(never)]
    fn unlikely_key(&mut self, spot: Spot) -> Result<KeyId, Fault> {
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(_) => return Err(fault(self.at, JsonFault::ExpectedKey)),
            None => return Err(fault(self.at, JsonFault::UnexpectedEnd)),
        }
        self.skip_spaces();
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(_) => return Err(fault(self.at, JsonFault::ExpectedColon)),
            None => return Err(fault(self.at, JsonFault::UnexpectedEnd)),
        }
        Ok(self.learn_key(spot))
    }

    /// Gives the string that was parsed last its number as a key.
    fn learn_key(&mut self, spot: Spot) -> KeyId {
        match self.tape.nodes.last_mut() {
            Some(node) if node.token == Token::String => {
                let name = &self.text[node.start as usize + 1..node.end as usize - 1];
                let id = self.keys.learn(spot, name);
                node.more = More::Key(id);
                id
            }
            _ => KeyId::NONE,
        }
    }

    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut is_escaped = false;
        let mut at = start + 1;
        loop {
            at = string_stop(bytes, at);
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    is_escaped = true;
                    at += 2;
                }
                Some(_) => return Err(fault(at, JsonFault::BadString)),
                None => return Err(fault(bytes.len(), JsonFault::UnexpectedEnd)),
            }
        }
        self.at = at + 1;
        if is_escaped {
            return self.escaped(start);
        }
        self.push(Token::String, start, More::Nothing);
        Ok(())
    }

    fn escaped(&mut self, start: usize) -> Result<(), Fault> {
        let from = self.tape.texts.len();
        // A backslash in front of a character of several bytes escapes nothing.
        let text = self.text.get(start + 1..self.at - 1);
        let content = text.and_then(|text| unescape(text, &mut self.tape.texts));
        content.ok_or_else(|| fault(start, JsonFault::BadString))?;
        let content = More::Text(short(from), short(self.tape.texts.len()));
        self.push(Token::Escaped, start, content);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let (length, number) = number(rest).ok_or_else(|| fault(start, JsonFault::BadNumber))?;
        self.at += length;
        match number {
            Number::Int(value) => self.push(Token::Int, start, More::Int(value)),
            Number::Float(value) => self.push(Token::Float, start, More::Float(value)),
            Number::Unread => self.push(Token::Number, start, More::Nothing),
        }
        Ok(())
    }

    fn literal(&mut self, word: &str, token: Token) -> Result<(), Fault> {
        let start = self.at;
        if !self.text.as_bytes()[start..].starts_with(word.as_bytes()) {
            return Err(fault(start, JsonFault::ExpectedValue));
        }
        self.at += word.len();
        self.push(token, start, More::Nothing);
        Ok(())
    }

    /// Looks for a key that stands twice in an object, by their numbers.
    fn check_keys(&mut self, node: usize) -> Result<(), Fault> {
        self.keys.forget_marks();
        let row = Parsed::new(self.text, self.tape);
        for (key, value) in row.value(node).members() {
            let id = key.key_id();
            if id == KeyId::NONE {
                return self.check_names(node);
            }
            if self.keys.mark(id) == Mark::Known {
                return Err(duplicate(key, value));
            }
        }
        Ok(())
    }

    /// Looks for a key that stands twice in an object, where some have no number.
    fn check_names(&self, node: usize) -> Result<(), Fault> {
        let mut names = HashSet::new();
        let row = Parsed::new(self.text, self.tape);
        let mut members = row.value(node).members();
        match members.find(|(key, _)| !names.insert(key.content())) {
            Some((key, value)) => Err(duplicate(key, value)),
            None => Ok(()),
        }
    }

    #[inline]
    fn push(&mut self, token: Token, start: usize, more: More) {
        self.tape.nodes.push(Node {
            token,
            start: short(start),
            end: short(self.at),
            more,
        });
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    #[inline]
    fn skip_spaces(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }
}

#[cold]
fn fault(at: usize, fault: JsonFault) -> Fault {
    Fault(Box::new((at, fault)))
}

fn duplicate(key: Value<'_>, value: Value<'_>) -> Fault {
    let key = key.content().to_owned();
    fault(value.start(), JsonFault::DuplicateKey { key })
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a row is limited to far fewer than 2^32 bytes, and has no more values than bytes"
)]
fn short(position: usize) -> u32 {
    position as u32
}

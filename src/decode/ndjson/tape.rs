//! Checks one line of JSON and lays it out flat.
//!
//! The tape keeps where each token lies in the line, because a `Utf8` column stores a number digit for digit;
//! parsers that hand out numbers as machine words have lost that. It is reused from line to line.

use std::collections::HashSet;

use crate::decode::JsonFault;
use crate::model::MAX_NESTING;

/// Containers within one another, at most: the row itself, and what a column may hold. The walk over a tape recurses.
const MAX_DEPTH: usize = MAX_NESTING + 1;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    Null,
    True,
    False,
    Number,
    String,
    /// A string whose content is among the tape's texts.
    Escaped,
    Array,
    Object,
}

/// A value on the tape. Behind an array come its elements, behind an object its keys and values by turns.
#[derive(Debug, Clone, Copy)]
struct Node {
    token: Token,
    start: u32,
    end: u32,
    /// Of a container, the node behind it; of an escaped string, its text.
    link: u32,
}

/// What is wrong with a line, and at which byte of it.
pub(super) type Fault = (usize, JsonFault);

/// One parsed line.
#[derive(Default)]
pub(super) struct Tape {
    nodes: Vec<Node>,
    texts: Vec<String>,
}

impl Tape {
    /// Parses a line that holds one object; the line has fewer than 2³² bytes.
    pub(super) fn parse<'t>(&'t mut self, line: &'t str) -> Result<Value<'t>, Fault> {
        self.nodes.clear();
        self.texts.clear();
        let mut parser = Parser {
            line,
            at: 0,
            tape: self,
        };
        parser.skip_spaces();
        if parser.peek() != Some(b'{') {
            return Err((parser.at, JsonFault::NotAnObject));
        }
        parser.value(MAX_DEPTH)?;
        parser.skip_spaces();
        if parser.at < line.len() {
            return Err((parser.at, JsonFault::TrailingText));
        }
        Ok(Value {
            line,
            tape: self,
            at: 0,
        })
    }
}

/// A value of a parsed line.
#[derive(Clone, Copy)]
pub(super) struct Value<'t> {
    line: &'t str,
    tape: &'t Tape,
    at: usize,
}

impl<'t> Value<'t> {
    /// Returns what it is.
    pub(super) fn token(self) -> Token {
        self.node().token
    }

    /// Returns its text as it stands in the line.
    pub(super) fn raw(self) -> &'t str {
        let node = self.node();
        &self.line[node.start as usize..node.end as usize]
    }

    /// Returns a string's content.
    pub(super) fn content(self) -> &'t str {
        let node = self.node();
        if node.token == Token::Escaped {
            return &self.tape.texts[node.link as usize];
        }
        &self.line[node.start as usize + 1..node.end as usize - 1]
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
    pub(super) fn members(self) -> impl Iterator<Item = (&'t str, Value<'t>)> {
        let mut parts = self.elements();
        std::iter::from_fn(move || Some((parts.next()?.content(), parts.next()?)))
    }

    /// Appends its text without the spaces between tokens.
    pub(super) fn write_compact(self, out: &mut String) {
        match self.token() {
            Token::Array => {
                out.push('[');
                for (count, element) in self.elements().enumerate() {
                    if count > 0 {
                        out.push(',');
                    }
                    element.write_compact(out);
                }
                out.push(']');
            }
            Token::Object => {
                out.push('{');
                for (count, part) in self.elements().enumerate() {
                    match count {
                        0 => {}
                        _ if count % 2 == 0 => out.push(','),
                        _ => out.push(':'),
                    }
                    part.write_compact(out);
                }
                out.push('}');
            }
            _ => out.push_str(self.raw()),
        }
    }

    fn node(self) -> Node {
        self.tape.nodes[self.at]
    }

    fn next(self) -> usize {
        let node = self.node();
        match node.token {
            Token::Array | Token::Object => node.link as usize,
            _ => self.at + 1,
        }
    }
}

struct Parser<'l, 't> {
    line: &'l str,
    at: usize,
    tape: &'t mut Tape,
}

impl Parser<'_, '_> {
    fn value(&mut self, depth: usize) -> Result<(), Fault> {
        match self.peek() {
            Some(b'{') => self.container(Token::Object, depth),
            Some(b'[') => self.container(Token::Array, depth),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal("true", Token::True),
            Some(b'f') => self.literal("false", Token::False),
            Some(b'n') => self.literal("null", Token::Null),
            Some(_) => Err((self.at, JsonFault::ExpectedValue)),
            None => Err((self.at, JsonFault::UnexpectedEnd)),
        }
    }

    fn container(&mut self, token: Token, depth: usize) -> Result<(), Fault> {
        let Some(depth) = depth.checked_sub(1) else {
            let limit = MAX_NESTING;
            return Err((self.at, JsonFault::TooDeep { limit }));
        };
        let node = self.tape.nodes.len();
        self.push(token, self.at, 0);
        self.at += 1;
        let closing = if token == Token::Array { b']' } else { b'}' };
        self.skip_spaces();
        if self.peek() == Some(closing) {
            self.at += 1;
        } else {
            loop {
                if token == Token::Object {
                    self.key()?;
                }
                self.skip_spaces();
                self.value(depth)?;
                self.skip_spaces();
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(byte) if byte == closing => break self.at += 1,
                    Some(_) => return Err((self.at, JsonFault::ExpectedComma)),
                    None => return Err((self.at, JsonFault::UnexpectedEnd)),
                }
                self.skip_spaces();
            }
        }
        let behind = self.tape.nodes.len();
        self.tape.nodes[node].link = short(behind);
        self.tape.nodes[node].end = short(self.at);
        if token == Token::Object {
            self.check_keys(node)?;
        }
        Ok(())
    }

    fn key(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'"') => self.string()?,
            Some(_) => return Err((self.at, JsonFault::ExpectedKey)),
            None => return Err((self.at, JsonFault::UnexpectedEnd)),
        }
        self.skip_spaces();
        match self.peek() {
            Some(b':') => self.at += 1,
            Some(_) => return Err((self.at, JsonFault::ExpectedColon)),
            None => return Err((self.at, JsonFault::UnexpectedEnd)),
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let mut token = Token::String;
        self.at += 1;
        loop {
            match self.peek() {
                Some(b'"') => break self.at += 1,
                Some(b'\\') => {
                    token = Token::Escaped;
                    self.at += 2;
                }
                Some(0..0x20) => return Err((self.at, JsonFault::BadString)),
                Some(_) => self.at += 1,
                None => return Err((self.line.len(), JsonFault::UnexpectedEnd)),
            }
        }
        let mut link = 0;
        if token == Token::Escaped {
            let text = self.line.get(start..self.at).map(serde_json::from_str);
            let Some(Ok(text)) = text else {
                return Err((start, JsonFault::BadString));
            };
            link = self.tape.texts.len();
            self.tape.texts.push(text);
        }
        self.push(token, start, link);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let rest = &self.line.as_bytes()[start..];
        let len = number_len(rest).ok_or((start, JsonFault::BadNumber))?;
        self.at += len;
        self.push(Token::Number, start, 0);
        Ok(())
    }

    fn literal(&mut self, word: &str, token: Token) -> Result<(), Fault> {
        let start = self.at;
        if !self.line.as_bytes()[start..].starts_with(word.as_bytes()) {
            return Err((start, JsonFault::ExpectedValue));
        }
        self.at += word.len();
        self.push(token, start, 0);
        Ok(())
    }

    fn check_keys(&self, node: usize) -> Result<(), Fault> {
        const FEW: usize = 8;
        let object = Value {
            line: self.line,
            tape: self.tape,
            at: node,
        };
        let mut few: [&str; FEW] = [""; FEW];
        let mut many = HashSet::new();
        for (count, (key, value)) in object.members().enumerate() {
            let known = if count < FEW {
                let known = few[..count].contains(&key);
                few[count] = key;
                known
            } else {
                if count == FEW {
                    many.extend(few);
                }
                !many.insert(key)
            };
            if known {
                let key = key.to_owned();
                let at = value.node().start as usize;
                return Err((at, JsonFault::DuplicateKey { key }));
            }
        }
        Ok(())
    }

    fn push(&mut self, token: Token, start: usize, link: usize) {
        self.tape.nodes.push(Node {
            token,
            start: short(start),
            end: short(self.at),
            link: short(link),
        });
    }

    fn peek(&self) -> Option<u8> {
        self.line.as_bytes().get(self.at).copied()
    }

    fn skip_spaces(&mut self) {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.peek() {
            self.at += 1;
        }
    }
}

/// Returns the length of the number at the front of `text`.
fn number_len(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        rest.iter().take_while(|byte| byte.is_ascii_digit()).count()
    };
    let mut at = usize::from(text.first() == Some(&b'-'));
    let whole = digits(at);
    if whole == 0 || (whole > 1 && text.get(at) == Some(&b'0')) {
        return None;
    }
    at += whole;
    if text.get(at) == Some(&b'.') {
        let fraction = digits(at + 1);
        at += 1 + fraction;
        if fraction == 0 {
            return None;
        }
    }
    if let Some(b'e' | b'E') = text.get(at) {
        at += 1 + usize::from(matches!(text.get(at + 1), Some(b'+' | b'-')));
        let exponent = digits(at);
        at += exponent;
        if exponent == 0 {
            return None;
        }
    }
    Some(at)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a line is limited to far fewer than 2^32 bytes, and has no more values than bytes"
)]
fn short(position: usize) -> u32 {
    position as u32
}

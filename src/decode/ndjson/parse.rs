//! Checks a row of JSON, or rows that are [`Alike`], and lays them out on a [`Tape`].
//!
//! Most rows have the keys of the row before, in the same order. As long as that is so, the next key is known, it is
//! neither noted nor looked for among those of its row, and what is left of it is one comparison. From the first key on
//! that is another one, the row goes the way of any object. A row is parsed twice only where two before it were alike and
//! it is not.
//!
//! # Invariants
//! - The rows before change how long a row takes, and nothing else.

use super::alike::Alike;
use super::doubles::check_keys;
use super::escape::unescape;
use super::keys::{KeyId, Keys, Spot};
use super::rows::Rows;
use super::scan::{Number, number, string_stop};
use super::tape::{Node, Parsed, Tape, Token};
use crate::decode::JsonFault;
use crate::model::MAX_NESTING;

/// Values of rows that are parsed together: as many as stay in a first cache, with their text.
const ALIKE_VALUES: usize = 512;
/// Bytes of such rows.
const ALIKE_BYTES: usize = 64 << 10;
/// Fewer rows than this are not worth it.
const LEAST_ALIKE: usize = 4;

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
    /// Whether the last row had the keys of the one before it, and single values only.
    is_usual: bool,
}

impl Parser {
    /// Parses a row that holds one object; it has fewer than 2³² bytes.
    pub(super) fn parse<'t>(&'t mut self, text: &'t str) -> Result<Parsed<'t>, Fault> {
        self.tape.nodes.clear();
        self.tape.texts.clear();
        let before = self.tape.keys.len();
        let mut row = Row::new(text, 0, &mut self.tape, &mut self.keys);
        let parsed = row.parse();
        self.is_usual = parsed.is_ok() && row.is_flat && row.has_keys_as_before;
        if let Err(fault) = parsed {
            // One of them may stand there twice.
            self.tape.keys.clear();
            return Err(fault);
        }
        self.is_usual &= self.tape.keys.len() == before;
        Ok(Parsed::new(text, &self.tape, &self.keys))
    }

    /// Tells whether it is worth a look if the rows ahead are [alike](Alike).
    pub(super) fn expects_alike(&self) -> bool {
        self.is_usual && !self.tape.keys.is_empty()
    }

    /// Parses the rows ahead that are alike, up to `most` of them; `None` if there are none.
    pub(super) fn parse_alike<'t, 'b: 't>(
        &'t mut self,
        rows: &mut Rows<'b>,
        most: usize,
    ) -> Option<Alike<'t>> {
        let width = self.tape.keys.len();
        let most = most.min(ALIKE_VALUES / width.max(1));
        if most < LEAST_ALIKE {
            return None;
        }
        self.tape.nodes.clear();
        self.tape.texts.clear();
        let (mut count, mut bytes, mut text) = (0, 0, "");
        self.is_usual = loop {
            let Some((all, place)) = rows.ahead() else {
                break false;
            };
            let line = &all[..place.end];
            let mut row = Row::new(line, place.start, &mut self.tape, &mut self.keys);
            if !row.parse_as_before() {
                break false;
            }
            rows.pass();
            text = all;
            count += 1;
            bytes += place.len();
            if count == most || bytes >= ALIKE_BYTES {
                break true;
            }
        };
        let parsed = Parsed::new(text, &self.tape, &self.keys);
        (count > 0).then(|| Alike::new(parsed, count, bytes))
    }
}

struct Row<'t> {
    text: &'t str,
    at: usize,
    tape: &'t mut Tape,
    keys: &'t mut Keys,
    /// Whether the keys so far are the first of those of the row before.
    has_keys_as_before: bool,
    /// Whether there is no array or object among its values so far.
    is_flat: bool,
}

impl<'t> Row<'t> {
    /// Begins a row that stands at the end of `text`.
    fn new(text: &'t str, at: usize, tape: &'t mut Tape, keys: &'t mut Keys) -> Self {
        Self {
            text,
            at,
            tape,
            keys,
            has_keys_as_before: true,
            is_flat: true,
        }
    }

    fn parse(&mut self) -> Result<(), Fault> {
        self.skip_spaces();
        if self.peek() != Some(b'{') {
            return Err(fault(self.at, JsonFault::NotAnObject));
        }
        self.at += 1;
        self.skip_spaces();
        self.members()?;
        self.skip_spaces();
        if self.at < self.text.len() {
            return Err(fault(self.at, JsonFault::TrailingText));
        }
        Ok(())
    }

    /// Parses a row that has the keys of the one before and a single value for each; tells whether it is such a one.
    fn parse_as_before(&mut self) -> bool {
        self.skip_spaces();
        if self.peek() != Some(b'{') {
            return false;
        }
        self.at += 1;
        self.skip_spaces();
        let count = self.tape.keys.len();
        for place in 0..count {
            let is_last = place + 1 == count;
            if self.key_as_before(place).is_none() {
                return false;
            }
            self.skip_spaces();
            if !self.single_value() || !self.ends(b'}').is_ok_and(|ends| ends == is_last) {
                return false;
            }
        }
        self.skip_spaces();
        self.at == self.text.len()
    }

    /// Parses a value that is no array and no object; tells whether it is one.
    fn single_value(&mut self) -> bool {
        let is_single = !matches!(self.peek(), Some(b'[' | b'{'));
        is_single && self.value(KeyId::NONE, 0).is_ok()
    }

    /// Parses the members of the row up to the bracket that closes it. The tape still has the keys of the row before,
    /// none of them twice, and nothing is done about those that are here again.
    fn members(&mut self) -> Result<(), Fault> {
        let mut count = 0;
        if !self.closes(b'}') {
            loop {
                let key = if let Some(key) = self.key_as_before(count) {
                    key
                } else {
                    self.has_keys_as_before = false;
                    self.other_key(count)?
                };
                count += 1;
                self.skip_spaces();
                // There is a limit because the walk over a tape recurses.
                self.value(key, MAX_NESTING)?;
                if self.ends(b'}')? {
                    break;
                }
            }
        }
        self.tape.keys.truncate(count);
        if self.has_keys_as_before {
            return Ok(());
        }
        self.check_row()
    }

    /// Goes behind the key that stood at this place of the row before, and its colon, if it stands here.
    #[inline]
    fn key_as_before(&mut self, place: usize) -> Option<KeyId> {
        let id = *self.tape.keys.get(place)?;
        self.at += self.keys.length_in(id, &self.text.as_bytes()[self.at..])?;
        Some(id)
    }

    /// Parses a key of the row and its colon; those behind it in the row before say nothing any more.
    #[inline(never)]
    fn other_key(&mut self, place: usize) -> Result<KeyId, Fault> {
        self.tape.keys.truncate(place);
        let within = KeyId::NONE;
        let behind = self.tape.keys.last().copied().unwrap_or(within);
        let id = self.key(Spot { within, behind })?;
        if id != KeyId::NONE {
            self.tape.nodes.pop();
        }
        self.tape.keys.push(id);
        Ok(id)
    }

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
        let (node, depth) = self.open(depth)?;
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
        self.close(node, Token::Object);
        if is_ascending {
            return Ok(());
        }
        self.check_object(node)
    }

    fn array(&mut self, key: KeyId, depth: usize) -> Result<(), Fault> {
        let (node, depth) = self.open(depth)?;
        if !self.closes(b']') {
            loop {
                self.value(key, depth)?;
                if self.ends(b']')? {
                    break;
                }
            }
        }
        self.close(node, Token::Array);
        Ok(())
    }

    /// Goes behind the opening bracket and the spaces there, and returns the node and how deep its values may be.
    fn open(&mut self, depth: usize) -> Result<(usize, usize), Fault> {
        let Some(depth) = depth.checked_sub(1) else {
            let limit = MAX_NESTING;
            return Err(fault(self.at, JsonFault::TooDeep { limit }));
        };
        self.is_flat = false;
        let node = self.tape.nodes.len();
        // What it is goes with where it ends.
        self.push(Token::Null, self.at);
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

    fn close(&mut self, node: usize, token: impl Fn(u32) -> Token) {
        let behind = short(self.tape.nodes.len());
        let node = &mut self.tape.nodes[node];
        node.token = token(behind);
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
            self.push(Token::Key(id), start);
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
            Some(node) if matches!(node.token, Token::String) => {
                let name = &self.text[node.start as usize + 1..node.end as usize - 1];
                let id = self.keys.learn(spot, name);
                node.token = Token::Key(id);
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
        self.push(Token::String, start);
        Ok(())
    }

    fn escaped(&mut self, start: usize) -> Result<(), Fault> {
        let from = self.tape.texts.len();
        // A backslash in front of a character of several bytes escapes nothing.
        let text = self.text.get(start + 1..self.at - 1);
        let content = text.and_then(|text| unescape(text, &mut self.tape.texts));
        content.ok_or_else(|| fault(start, JsonFault::BadString))?;
        let token = Token::Escaped(short(from), short(self.tape.texts.len()));
        self.push(token, start);
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let (length, number) = number(rest).ok_or_else(|| fault(start, JsonFault::BadNumber))?;
        self.at += length;
        let token = match number {
            Number::Int(value) => Token::Int(value),
            Number::Float(value) => Token::Float(value),
            Number::Unread => Token::Number,
        };
        self.push(token, start);
        Ok(())
    }

    fn literal(&mut self, word: &str, token: Token) -> Result<(), Fault> {
        let start = self.at;
        if !self.text.as_bytes()[start..].starts_with(word.as_bytes()) {
            return Err(fault(start, JsonFault::ExpectedValue));
        }
        self.at += word.len();
        self.push(token, start);
        Ok(())
    }

    /// Looks for a key that stands twice in the row.
    fn check_row(&self) -> Result<(), Fault> {
        let mut last = KeyId::NONE;
        let is_behind = |id: &KeyId| *id > std::mem::replace(&mut last, *id);
        if self.tape.keys.iter().all(is_behind) {
            return Ok(());
        }
        let row = self.parsed();
        check_keys(|| row.members())
    }

    fn check_object(&self, node: usize) -> Result<(), Fault> {
        let row = self.parsed();
        check_keys(|| row.value(node).members())
    }

    fn parsed(&self) -> Parsed<'_> {
        Parsed::new(self.text, self.tape, self.keys)
    }

    #[inline]
    fn push(&mut self, token: Token, start: usize) {
        self.tape.nodes.push(Node {
            token,
            start: short(start),
            end: short(self.at),
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

/// Says what is wrong, and at which byte.
#[cold]
pub(super) fn fault(at: usize, fault: JsonFault) -> Fault {
    Fault(Box::new((at, fault)))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a row, or a block of them, has far fewer than 2^32 bytes, and no more values than bytes"
)]
fn short(position: usize) -> u32 {
    position as u32
}

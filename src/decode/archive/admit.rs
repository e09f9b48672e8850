//! Members under declared columns: each is decoded as a file of its format would be, and brought to the columns by that
//! format's rules.
//!
//! Texts are decoded under the columns of the archive, in which what is declared is text. A format with types of its own
//! keeps those, whatever the other members have; they are told by what stands at its front, which is kept and read
//! again.

use std::io::{self, Cursor, Read};
use std::ops::ControlFlow;

use super::{Decoding, Fault, Member, Members, judged, read_tar, read_zip};
use crate::config::Definition;
use crate::crew::Alone;
use crate::decode::declare::keeps_types;
use crate::decode::{
    Admission, Bytes, Ceiling, DecodeError, Decoded, Emit, Kind, Malformed, Place, Recognised,
    Terms, decode, raw_shape, sniff, with_whole, within,
};
use crate::model::Shape;
use crate::schema::Contract;

/// What was decoded of an archive under declared columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// The rows emitted, and what the members hold, whatever is declared.
    pub decoded: Decoded,
    /// Why the archive must not come in: the first value of a member that does not fit.
    pub refusal: Option<String>,
}

/// Decodes all members of an archive, and hands out their rows as `contract` admits them. `shape` is what
/// [`raw_shape`] says of the archive.
///
/// # Errors
/// As [`decode`]. What does not fit a declared column is no error.
pub fn decode_admitted(
    bytes: Bytes<'_>,
    how: Recognised,
    contract: &Contract,
    terms: Terms<'_>,
    emit: &mut Emit<'_>,
) -> Result<Admitted, DecodeError> {
    let mut admitting = Admitting {
        decoding: Decoding::new(how.kind, terms, emit),
        contract,
        refusal: None,
    };
    if how.kind == Kind::Zip {
        with_whole(bytes, how, |file, ceiling| {
            read_zip(&file, ceiling, &mut admitting)
        })?;
    } else {
        let own = Ceiling::default();
        let ceiling = bytes.ceiling(&own);
        within(bytes, how, ceiling, &mut |text| {
            read_tar(text, ceiling, &mut admitting)
        })?;
    }
    let refusal = admitting.refusal;
    let decoded = admitting.decoding.finish()?;
    Ok(Admitted { decoded, refusal })
}

/// Decodes all members, and admits their rows.
struct Admitting<'d, 'e, 'f> {
    decoding: Decoding<'d, 'e, 'f>,
    contract: &'d Contract,
    refusal: Option<String>,
}

impl Members for Admitting<'_, '_, '_> {
    fn wants(&mut self, name: &str) -> Result<Option<Recognised>, Malformed> {
        self.decoding.wants(name)
    }

    fn take(
        &mut self,
        member: Member<'_>,
        bytes: &mut dyn Read,
        fault: &Fault,
    ) -> Result<ControlFlow<()>, DecodeError> {
        let decoded = self.admit(member, bytes);
        let decoded = decoded.map_err(|error| judged(member.name, fault, error));
        self.decoding.add(member.name, decoded)?;
        Ok(ControlFlow::Continue(()))
    }
}

impl Admitting<'_, '_, '_> {
    fn admit(
        &mut self,
        Member { name, how, ceiling }: Member<'_>,
        bytes: &mut dyn Read,
    ) -> Result<Decoded, DecodeError> {
        let definition = self.decoding.names.definition;
        let (contract, terms) = (self.contract, self.decoding.terms);
        let shape = terms.shape;
        let mut front = Vec::new();
        let raw = if keeps_types(how.kind) {
            let mut kept = Kept {
                inner: &mut *bytes,
                front: &mut front,
            };
            let own = own_columns(Bytes::Member(&mut kept, ceiling), how, definition)?;
            raw_shape(contract, how.kind, &own, shape)
        } else {
            shape.clone()
        };
        let mut again = Cursor::new(front).chain(bytes);
        let mut admission = Admission::of_file(contract, how.kind, &definition.csv);
        // What comes behind a member that does not fit is read through all the same, for what it holds.
        let is_over = self.decoding.is_misfit || self.refusal.is_some();
        let emit = &mut *self.decoding.emit;
        let bytes = Bytes::Member(&mut again, ceiling);
        let terms = Terms {
            shape: &raw,
            ..terms
        };
        let decoded = decode(bytes, how, terms, &mut |batch| {
            if is_over {
                return ControlFlow::Continue(());
            }
            admission.let_in(&batch, emit)
        })?;
        let row = |row: u64| Place::Row(row.saturating_add(1));
        let refusal = admission.refusal(&decoded.observed, &|unfit| unfit.row.map(row));
        if let Some(reason) = refusal.filter(|_| !is_over) {
            self.refusal = Some(format!("member {name:?}: {reason}"));
        }
        Ok(decoded)
    }
}

/// Returns the columns of a member with types of its own.
fn own_columns(
    bytes: Bytes<'_>,
    how: Recognised,
    definition: &Definition,
) -> Result<Shape, DecodeError> {
    if how.kind != Kind::Excel {
        return sniff(bytes, how, definition);
    }
    // Those of a sheet are not told at its front.
    let mut unheard = |_| ControlFlow::Continue(());
    let terms = Terms {
        definition,
        shape: &Shape::default(),
        crew: &Alone,
    };
    match decode(bytes, how, terms, &mut unheard) {
        Ok(Decoded { observed, .. }) | Err(DecodeError::Misfit { observed }) => Ok(observed),
        Err(error) => Err(error),
    }
}

/// Keeps what is read, so that it can be read again.
struct Kept<'a> {
    inner: &'a mut dyn Read,
    front: &'a mut Vec<u8>,
}

impl Read for Kept<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.front.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Float64Array, RecordBatch};

    use super::*;
    use crate::decode::archive::tests::archive_of;
    use crate::decode::parquet::tests::written;
    use crate::decode::testing::{grid, plain, terms};
    use crate::schema::{Declared, SchemaPolicy, SchemaRules, parse_type};

    fn contract(policy: SchemaPolicy) -> Contract {
        let column = |(name, text)| Declared::new(name, parse_type(text).unwrap());
        let columns = [("id", "int32"), ("amount", "decimal(6,2)")].map(column);
        let columns = columns.to_vec();
        SchemaRules { policy, columns }
            .contract(Vec::new())
            .unwrap()
    }

    fn floats() -> Vec<u8> {
        let column = |value| -> ArrayRef { Arc::new(Float64Array::from(vec![value])) };
        let columns = [("id", column(8.0)), ("amount", column(2.5))];
        written(&RecordBatch::try_from_iter(columns).unwrap(), 10)
    }

    /// Decodes as an engine does, until the shape is right.
    fn admitted(bytes: &[u8], kind: Kind, contract: &Contract) -> (Vec<String>, Option<String>) {
        let how = Recognised {
            magic: crate::decode::Magic::Heeded,
            ..plain(kind)
        };
        let definition = Definition::default();
        let mut own = Shape::default();
        loop {
            let shape = raw_shape(contract, kind, &own, &contract.admitted(&own));
            let mut batches = Vec::new();
            let admitted = decode_admitted(
                Bytes::Stream(&mut &*bytes),
                how,
                contract,
                terms(&definition, &shape),
                &mut |batch| {
                    batches.push(batch);
                    ControlFlow::Continue(())
                },
            );
            match admitted {
                Ok(admitted) => {
                    let rows = grid(&batches).into_iter().map(|row| row.join("|"));
                    return (rows.collect(), admitted.refusal);
                }
                Err(DecodeError::Misfit { observed }) => own = observed,
                Err(error) => panic!("{error:?}"),
            }
        }
    }

    #[test]
    fn each_member_is_read_by_the_rules_of_its_own_format() {
        let parquet = floats();
        let zipped = zstd::encode_all(parquet.as_slice(), 1).unwrap();
        let members = [
            ("a.csv", &b"id,amount,x\n007,1.5,1\n"[..]),
            // As text, 8.0 would be no whole number.
            ("b.parquet", &parquet),
            ("c.parquet.zst", &zipped),
            ("d.ndjson", b"{\"id\":\"9\",\"amount\":3,\"x\":2.5}\n"),
        ];
        for kind in [Kind::Zip, Kind::Tar] {
            let bytes = archive_of(kind, &members);
            let (rows, refusal) = admitted(&bytes, kind, &contract(SchemaPolicy::Evolve));
            assert_eq!(refusal, None);
            let rows: Vec<_> = rows.iter().map(|row| row.trim_end_matches("|-")).collect();
            assert_eq!(rows, ["7|1.50|1.0", "8|2.50", "8|2.50", "9|3.00|2.5"]);
        }
    }

    #[test]
    fn a_member_that_does_not_fit_is_named_or_rescued() {
        let members = [
            ("a.csv", &b"id,amount\n1,1\n"[..]),
            ("b.csv", b"id,amount\n2,2\nx,3\n"),
            ("c.csv", b"id,amount\ny,4\n"),
        ];
        let bytes = archive_of(Kind::Zip, &members);
        let (rows, refusal) = admitted(&bytes, Kind::Zip, &contract(SchemaPolicy::Evolve));
        assert_eq!(rows, ["1|1.00"]);
        assert_eq!(
            refusal.unwrap(),
            "member \"b.csv\": column id must be int32 and holds utf8, row 2: \"x\""
        );
        let (rows, refusal) = admitted(&bytes, Kind::Zip, &contract(SchemaPolicy::Rescue));
        assert_eq!(refusal, None);
        let expected = [
            "1|1.00|-",
            "2|2.00|-",
            r#"-|3.00|{"id":"x"}"#,
            r#"-|4.00|{"id":"y"}"#,
        ];
        assert_eq!(rows, expected);
    }
}

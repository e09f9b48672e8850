//! `strandline files`: the recorded files, one after the other.

use std::collections::VecDeque;
use std::io::{self, BufWriter, Write};

use anyhow::Context;

use crate::ledger::{LedgerError, View};
use crate::model::{KeyRange, Standing, UnitId, UnitRecord};

use super::Session;
use super::answer::{File, VERSION};
use super::args::FilesArgs;
use super::exit::Ending;
use super::render;
use super::talk::{STDOUT, unless_closed};
use super::target::open;

/// How many units are kept at hand: neighbours in path order share a few.
const UNITS_AT_HAND: usize = 32;

/// Lists the recorded files. Nothing is gathered first, so the list may be of any length.
pub(super) fn files(args: &FilesArgs, session: &Session<'_>) -> anyhow::Result<Ending> {
    let opened = open(args.target.layer(), session.global)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut lines = Lines {
        view: &opened.view,
        standings: &args.standing,
        units: VecDeque::new(),
    };
    if session.talk.is_json() {
        lines.json(&mut out)?;
    } else {
        lines.table(&mut out)?;
    }
    Ok(Ending::Done)
}

struct Lines<'a> {
    view: &'a View,
    standings: &'a [Standing],
    units: VecDeque<(UnitId, UnitRecord)>,
}

impl Lines<'_> {
    fn table(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        let heading = out.write_all(render::file_heading().as_bytes());
        self.write(heading, out, |out, file, _| {
            out.write_all(render::file_line(file).as_bytes())
        })
    }

    fn json(&mut self, out: &mut dyn Write) -> anyhow::Result<()> {
        let heading = write!(out, "{{\"version\":{VERSION},\"files\":[");
        self.write(heading, out, |out, file, at| {
            let comma = if at == 0 { "\n" } else { ",\n" };
            out.write_all(comma.as_bytes())?;
            serde_json::to_writer(out, file).map_err(io::Error::from)
        })?;
        unless_closed(out.write_all(b"]}\n").and_then(|()| out.flush())).context(STDOUT)
    }

    /// Writes file after file, and stops where nobody reads any more.
    fn write(
        &mut self,
        heading: io::Result<()>,
        out: &mut dyn Write,
        mut line: impl FnMut(&mut dyn Write, &File, u64) -> io::Result<()>,
    ) -> anyhow::Result<()> {
        let mut written = heading;
        let mut files = self.view.files(&KeyRange::all())?;
        let mut at = 0;
        while let Some(row) = files.next()? {
            if written.is_err() {
                break;
            }
            if !self.standings.is_empty() && !self.standings.contains(&row.standing()) {
                continue;
            }
            let file = File {
                path: row.path.to_owned(),
                standing: row.standing(),
                size: row.size(),
                modified_at: row.modified_at(),
                rows: self.rows(row.unit(), row.path)?,
                unit: row.unit(),
                hash: row.hash(),
                run: row.run(),
            };
            written = line(out, &file, at);
            at += 1;
        }
        unless_closed(written.and_then(|()| out.flush())).context(STDOUT)
    }

    fn rows(&mut self, unit: Option<UnitId>, path: &str) -> Result<Option<u64>, LedgerError> {
        let Some(id) = unit else {
            return Ok(None);
        };
        if !self.units.iter().any(|(known, _)| *known == id) {
            let Some(unit) = self.view.unit(id)? else {
                return Ok(None);
            };
            self.units.truncate(UNITS_AT_HAND - 1);
            self.units.push_front((id, unit));
        }
        let unit = self.units.iter().find(|(known, _)| *known == id);
        Ok(unit.and_then(|(_, unit)| {
            let member = unit.members.iter().find(|member| &*member.path == path);
            member.map(|member| member.rows)
        }))
    }
}

//! What a [`MemoryDisk`](super::MemoryDisk) holds: the names and contents as everybody sees them, the names and
//! contents that are durable, and what lies between the two.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};

use super::Survivors;
use super::content::{Dice, Node};
use crate::durable::{Entry, Kind};

/// Names a file's storage on one disk, as an inode does; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NodeId(u64);

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Directory,
    File(NodeId),
}

type Names = BTreeMap<PathBuf, Target>;

/// A change of names that is not durable yet.
#[derive(Debug, Clone)]
enum NameChange {
    Set(PathBuf, Target),
    Unset(PathBuf),
    Rename(PathBuf, PathBuf, Target),
}

impl NameChange {
    fn paths(&self) -> Vec<PathBuf> {
        match self {
            Self::Set(path, _) | Self::Unset(path) => vec![path.clone()],
            Self::Rename(from, to, _) => vec![from.clone(), to.clone()],
        }
    }

    fn apply(self, names: &mut Names) {
        match self {
            Self::Set(path, target) => {
                names.insert(path, target);
            }
            Self::Unset(path) => {
                names.remove(&path);
            }
            Self::Rename(from, to, target) => {
                names.remove(&from);
                names.insert(to, target);
            }
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    names: Names,
    durable: Names,
    /// How to get from `durable` to `names`.
    changes: Vec<NameChange>,
    nodes: BTreeMap<NodeId, Node>,
    locked: HashSet<NodeId>,
    next_node: u64,
}

impl State {
    pub(super) fn kind(&self, path: &Path) -> Option<Kind> {
        if is_top(path) {
            return Some(Kind::Directory);
        }
        Some(match self.names.get(path)? {
            Target::Directory => Kind::Directory,
            Target::File(node) => Kind::File(self.length(*node)),
        })
    }

    pub(super) fn file(&self, path: &Path) -> io::Result<NodeId> {
        match self.names.get(path) {
            Some(Target::File(node)) => Ok(*node),
            Some(Target::Directory) => Err(io::ErrorKind::IsADirectory.into()),
            None if is_top(path) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let file = |(path, target): (&PathBuf, &Target)| match target {
            Target::Directory => None,
            Target::File(node) => Some((path.clone(), self.nodes.get(node)?.bytes().to_vec())),
        };
        self.names.iter().filter_map(file).collect()
    }

    pub(super) fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        match self.kind(path) {
            None => return Ok(Vec::new()),
            Some(Kind::Directory) => {}
            Some(_) => return Err(io::ErrorKind::NotADirectory.into()),
        }
        let mut entries = Vec::new();
        for child in children(&self.names, path) {
            if let (Some(name), Some(kind)) = (child.file_name(), self.kind(child)) {
                let name = name.to_string_lossy().into_owned();
                entries.push(Entry { name, kind });
            }
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    pub(super) fn create(&mut self, path: &Path) -> io::Result<NodeId> {
        match self.file(path) {
            Ok(node) => {
                self.set_len(node, 0)?;
                Ok(node)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.add_file(path),
            Err(error) => Err(error),
        }
    }

    pub(super) fn open_or_create(&mut self, path: &Path) -> io::Result<NodeId> {
        match self.file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let node = self.add_file(path)?;
                self.settle(path);
                Ok(node)
            }
            other => other,
        }
    }

    fn add_file(&mut self, path: &Path) -> io::Result<NodeId> {
        self.need_directory_of(path)?;
        let node = NodeId(self.next_node);
        self.next_node += 1;
        self.nodes.insert(node, Node::default());
        self.names.insert(path.to_owned(), Target::File(node));
        self.changes
            .push(NameChange::Set(path.to_owned(), Target::File(node)));
        Ok(node)
    }

    fn need_directory_of(&self, path: &Path) -> io::Result<()> {
        match path.parent().map(|parent| self.kind(parent)) {
            Some(Some(Kind::Directory)) => Ok(()),
            Some(Some(_)) => Err(io::ErrorKind::NotADirectory.into()),
            Some(None) | None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        match self.kind(path) {
            Some(Kind::Directory) => return Ok(()),
            Some(_) => return Err(io::ErrorKind::AlreadyExists.into()),
            None => {}
        }
        if let Some(parent) = path.parent() {
            self.create_dir_all(parent).map_err(|error| {
                if error.kind() == io::ErrorKind::AlreadyExists {
                    io::ErrorKind::NotADirectory.into()
                } else {
                    error
                }
            })?;
        }
        // An earlier directory of this name took its children with it.
        let stale: Vec<PathBuf> = below(&self.durable, path).cloned().collect();
        for child in stale {
            self.settle(&child);
        }
        self.names.insert(path.to_owned(), Target::Directory);
        self.settle(path);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let node = self.file(from)?;
        self.need_directory_of(to)?;
        if self.kind(to) == Some(Kind::Directory) {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if from != to {
            self.names.remove(from);
            self.names.insert(to.to_owned(), Target::File(node));
            self.changes.push(NameChange::Rename(
                from.to_owned(),
                to.to_owned(),
                Target::File(node),
            ));
        }
        Ok(())
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        match self.file(path) {
            Ok(_) => {
                self.names.remove(path);
                self.changes.push(NameChange::Unset(path.to_owned()));
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn remove_empty_dir(&mut self, path: &Path) -> io::Result<bool> {
        match self.names.get(path) {
            None => Ok(false),
            Some(Target::File(_)) => Err(io::ErrorKind::NotADirectory.into()),
            Some(Target::Directory) if below(&self.names, path).next().is_some() => Ok(false),
            Some(Target::Directory) => {
                self.names.remove(path);
                self.changes.push(NameChange::Unset(path.to_owned()));
                Ok(true)
            }
        }
    }

    pub(super) fn sync_dir(&mut self, path: &Path) -> io::Result<()> {
        match self.kind(path) {
            Some(Kind::Directory) => {}
            Some(_) => return Err(io::ErrorKind::NotADirectory.into()),
            None => return Err(io::ErrorKind::NotFound.into()),
        }
        let known: Vec<PathBuf> = children(&self.names, path)
            .chain(children(&self.durable, path))
            .cloned()
            .collect();
        for child in known {
            self.settle(&child);
        }
        // Names that came and went since the last sync are in neither map.
        let passed: Vec<PathBuf> = self.changes.iter().flat_map(NameChange::paths).collect();
        for child in passed.iter().filter(|child| child.parent() == Some(path)) {
            self.settle(child);
        }
        Ok(())
    }

    /// Makes the one name durable as it is now; of a rename, the other half stays to be done.
    fn settle(&mut self, path: &Path) {
        match self.names.get(path) {
            Some(target) => self.durable.insert(path.to_owned(), *target),
            None => self.durable.remove(path),
        };
        for change in std::mem::take(&mut self.changes) {
            match change {
                NameChange::Rename(from, to, target) if from == path => {
                    self.changes.push(NameChange::Set(to, target));
                }
                NameChange::Rename(from, to, _) if to == path => {
                    self.changes.push(NameChange::Unset(from));
                }
                NameChange::Set(at, _) | NameChange::Unset(at) if at == path => {}
                other => self.changes.push(other),
            }
        }
    }

    pub(super) fn try_lock(&mut self, path: &Path, note: &str) -> io::Result<Option<NodeId>> {
        let locked = match self.file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.add_file(path)?,
            other => other?,
        };
        if !self.locked.insert(locked) {
            return Ok(None);
        }
        self.write(locked, 0, note.as_bytes())?;
        self.set_len(locked, note.len() as u64)?;
        Ok(Some(locked))
    }

    pub(super) fn is_locked(&self, path: &Path) -> io::Result<bool> {
        match self.file(path) {
            Ok(node) => Ok(self.locked.contains(&node)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(super) fn unlock(&mut self, node: NodeId) {
        self.locked.remove(&node);
    }

    pub(super) fn length(&self, node: NodeId) -> u64 {
        self.nodes.get(&node).map_or(0, Node::length)
    }

    pub(super) fn read(&self, node: NodeId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.nodes
            .get(&node)
            .ok_or(io::ErrorKind::NotFound)?
            .read(offset, buffer)
    }

    pub(super) fn write(&mut self, node: NodeId, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.node(node)?.write(offset, bytes)
    }

    pub(super) fn set_len(&mut self, node: NodeId, length: u64) -> io::Result<()> {
        self.node(node)?.set_len(length)
    }

    pub(super) fn sync(&mut self, node: NodeId) -> io::Result<()> {
        self.node(node)?.sync();
        Ok(())
    }

    fn node(&mut self, node: NodeId) -> io::Result<&mut Node> {
        Ok(self.nodes.get_mut(&node).ok_or(io::ErrorKind::NotFound)?)
    }

    /// Returns what the next start finds.
    pub(super) fn after_crash(&self, survivors: Survivors) -> Self {
        let mut dice = Dice::new(match survivors {
            Survivors::Some { seed } => seed,
            Survivors::All | Survivors::Synced => 0,
        });
        let kept = match survivors {
            Survivors::All => self.changes.len(),
            Survivors::Synced => 0,
            Survivors::Some { .. } => dice.below(self.changes.len() + 1),
        };
        let mut names = self.durable.clone();
        for change in self.changes.iter().take(kept).cloned() {
            change.apply(&mut names);
        }
        // What lies in a directory that did not survive is gone with it.
        let all = names.clone();
        names.retain(|path, _| {
            path.ancestors()
                .skip(1)
                .all(|above| is_top(above) || all.get(above) == Some(&Target::Directory))
        });
        let mut nodes = BTreeMap::new();
        for target in names.values() {
            if let Target::File(id) = target
                && let Some(node) = self.nodes.get(id)
            {
                nodes.insert(*id, node.after_crash(survivors, &mut dice));
            }
        }
        Self {
            durable: names.clone(),
            names,
            changes: Vec::new(),
            nodes,
            locked: HashSet::new(),
            next_node: self.next_node,
        }
    }
}

fn is_top(path: &Path) -> bool {
    path.parent().is_none()
}

fn below<'a>(names: &'a Names, path: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
    names
        .range(path.to_owned()..)
        .map(|(child, _)| child)
        .take_while(move |child| child.starts_with(path))
        .filter(move |child| child.as_path() != path)
}

fn children<'a>(names: &'a Names, path: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
    below(names, path).filter(move |child| child.parent() == Some(path))
}

//! What changed since the base of a memory was written, a line for each save.
//!
//! Each line is whole in itself: of a save that a crash cut off, nothing is read. So what is read is what this node
//! knew at some moment, and never half of one moment and half of another.

use super::{
    base,
    content::{Content, Removals},
};
use crate::cluster::Cluster;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Write},
    path::Path,
};
use weft_model::{Keyspace, NetworkId, NodeId, NodeName, Revocation};
use weft_store::{Event, Revision, Update};

/// A line, as it is read.
#[derive(Deserialize)]
struct Saved {
    /// What was written, and what was deleted.
    cluster: BTreeMap<String, Option<Box<RawValue>>>,
    #[serde(default)]
    latest: BTreeMap<NodeName, Revision>,
    /// The number of a node's statement that is the highest now.
    #[serde(default)]
    serials: BTreeMap<NodeName, u64>,
    /// Nodes that are believed no more since.
    #[serde(default)]
    barred: BTreeMap<NodeId, Revocation>,
    dealt_with: Option<u64>,
    /// Networks that were seen to be removed.
    #[serde(default)]
    removed: Vec<NetworkId>,
    /// Networks of which it is not remembered any more that they were.
    #[serde(default)]
    forgotten: Vec<NetworkId>,
}

/// A line, as it is written.
#[derive(Serialize)]
struct Saving<'m> {
    #[serde(serialize_with = "changes")]
    cluster: (&'m Keyspace, &'m Cluster, &'m Cluster),
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    latest: BTreeMap<&'m NodeName, Revision>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    serials: BTreeMap<&'m NodeName, u64>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    barred: BTreeMap<&'m NodeId, &'m Revocation>,
    dealt_with: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    removed: Vec<NetworkId>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    forgotten: Vec<NetworkId>,
}

/// What there is to write.
pub(super) enum Line {
    /// Nothing changed.
    Same,
    /// This, with its end.
    Changes(Vec<u8>),
    /// More than there is room for.
    TooLong,
}

impl Line {
    /// The line that leads from `before` to `now`, of at most so many bytes.
    pub(super) fn between(before: &Content, now: &Content, keyspace: &Keyspace, room: u64) -> Self {
        let removals = Removals::between(&before.removed, &now.removed);
        let is_same = before.dealt_with == now.dealt_with
            && removals.is_empty()
            && now.cluster.barred_since(&before.cluster).next().is_none()
            && now.cluster.serials_since(&before.cluster).next().is_none();
        if is_same && now.cluster.changes_since(&before.cluster).next().is_none() {
            return Self::Same;
        }
        let saving = Saving {
            cluster: (keyspace, &before.cluster, &now.cluster),
            latest: now.cluster.latest_since(&before.cluster).collect(),
            barred: now.cluster.barred_since(&before.cluster).collect(),
            serials: now.cluster.serials_since(&before.cluster).collect(),
            dealt_with: now.dealt_with,
            removed: removals.added,
            forgotten: removals.forgotten,
        };
        let mut line = Limited { bytes: Vec::new(), room };
        let written = serde_json::to_writer(&mut line, &saving).is_ok() && line.write_all(b"\n").is_ok();
        if written { Self::Changes(line.bytes) } else { Self::TooLong }
    }
}

/// Bytes up to a limit: where there is more, none of it is needed.
struct Limited {
    bytes: Vec<u8>,
    room: u64,
}

impl Write for Limited {
    fn write(&mut self, more: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + more.len()) as u64 > self.room {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.write(more)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn changes<S: Serializer>(
    (keyspace, before, now): &(&Keyspace, &Cluster, &Cluster),
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let value = |json: Option<Vec<u8>>| match json {
        Some(json) => base::raw(json).map(Some),
        None => Some(None),
    };
    let changes = now.changes_since(before);
    serializer.collect_map(changes.filter_map(|(key, json)| Some((keyspace.path(&key), value(json)?))))
}

/// Reads the log at `path`, and does what it says to `content`, up to the first line that cannot be read. What comes
/// after it may build on what it said.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn read(path: &Path, keyspace: &Keyspace, content: &mut Content) -> io::Result<()> {
    let mut log = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let path = path.display();
            tracing::warn!(%path, "what changed since the memory was written is not there; what was before is used");
            return Ok(());
        }
        log => BufReader::new(log?),
    };
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if log.read_until(b'\n', &mut line)? == 0 {
            break;
        }
        match parse(&line) {
            Ok(saved) => saved.apply(keyspace, content),
            Err(error) => {
                let path = path.display();
                tracing::warn!(%path, line = number, error, "cannot be read; what was before is used");
                break;
            }
        }
    }
    Ok(())
}

fn parse(line: &[u8]) -> Result<Saved, String> {
    let whole = line.strip_suffix(b"\n").ok_or("its end is missing")?;
    serde_json::from_slice(whole).map_err(|error| error.to_string())
}

impl Saved {
    fn apply(self, keyspace: &Keyspace, content: &mut Content) {
        let event = |(key, value): (&String, &Option<Box<RawValue>>)| match value {
            Some(value) => Event::Put(base::entry(keyspace, &self.latest, key, value)),
            None => Event::Delete(key.clone()),
        };
        let events = self.cluster.iter().map(event).collect();
        content.cluster.advance(keyspace, Update::Events { events, revision: Revision::default() });
        content.cluster.beliefs.barred.extend(self.barred);
        content.cluster.beliefs.serials.extend(self.serials);
        content.dealt_with = self.dealt_with;
        Removals { forgotten: self.forgotten, added: self.removed }.apply(&mut content.removed);
    }
}

//! What is in the file.

use super::OpenError;
use crate::{
    SessionId,
    state::{Changes, Session, State, StoredRecord},
};
use redb::{
    Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageError, TableDefinition,
    TableError, backends::FileBackend,
};
use std::{
    collections::BTreeMap,
    fs::{DirBuilder, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

/// Modified, created, lock index, flags, session (empty: none), value.
type Row<'a> = (u64, u64, u64, u64, &'a str, &'a [u8]);
const RECORDS: TableDefinition<'_, &str, Row<'_>> = TableDefinition::new("records");
/// TTL in milliseconds, created, name.
const SESSIONS: TableDefinition<'_, &str, (u64, u64, &str)> = TableDefinition::new("sessions");
/// `revision` and `format`.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The layout above. A later one says how it reads this one.
const FORMAT: u64 = 1;
/// What redb may hold in memory; everything is in memory already, so this only serves the writes.
const CACHE: usize = 1 << 20;

/// Opens or makes the file, readable by its owner alone.
pub(super) fn open(path: &Path) -> Result<Database, OpenError> {
    if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(directory);
        made.map_err(|error| OpenError::io(path, error))?;
    }
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(|error| OpenError::io(path, error))?;
    // Checking takes as long as reading, which comes anyway; unchecked, a damaged file may panic.
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
    let database = FileBackend::new(file).and_then(|file| builder.create_with_backend(file));
    database.map_err(|error| match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::in_use(path),
        DatabaseError::Storage(StorageError::Io(error)) if error.kind() != io::ErrorKind::InvalidData => {
            OpenError::io(path, error)
        }
        error => OpenError::damaged(path, error),
    })
}

/// Reads all of it.
pub(super) fn load(database: &Database, now: Instant) -> Result<State, redb::Error> {
    // A full disk has no room to write what is there already.
    if is_new(database)? {
        make_tables(database)?;
    }
    let read = database.begin_read()?;
    let format = read.open_table(META)?.get("format")?.map_or(FORMAT, |format| format.value());
    if format != FORMAT {
        let reason = format!("its format is {format}, and this version of weft reads {FORMAT}");
        return Err(redb::Error::Corrupted(reason));
    }
    let mut records = BTreeMap::new();
    for row in read.open_table(RECORDS)?.iter()? {
        let (key, row) = row?;
        let (modified, created, lock_index, flags, session, value) = row.value();
        let session = (!session.is_empty()).then(|| SessionId(session.to_owned()));
        let value = value.to_vec();
        let record = StoredRecord { value, modified, created, lock_index, flags, session };
        records.insert(key.value().to_owned(), Arc::new(record));
    }
    let mut sessions = BTreeMap::new();
    for row in read.open_table(SESSIONS)?.iter()? {
        let (id, row) = row?;
        let (ttl, created, name) = row.value();
        let ttl = Duration::from_millis(ttl);
        let session = Session { name: name.to_owned(), ttl, created, deadline: now + ttl };
        sessions.insert(SessionId(id.value().to_owned()), session);
    }
    let revision = read.open_table(META)?.get("revision")?.map_or(1, |revision| revision.value());
    Ok(State::new(records, sessions, revision))
}

fn is_new(database: &Database) -> Result<bool, redb::Error> {
    match database.begin_read()?.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => Ok(true),
        table => Ok(table.map(|_| false)?),
    }
}

/// All at once: a file has all of them, or none.
fn make_tables(database: &Database) -> Result<(), redb::Error> {
    let write = database.begin_write()?;
    write.open_table(RECORDS)?;
    write.open_table(SESSIONS)?;
    write.open_table(META)?.insert("format", FORMAT)?;
    Ok(write.commit()?)
}

/// Writes changes, and returns when they are on the disk.
pub(super) fn save(database: &Database, changes: &Changes) -> Result<(), SaveError> {
    let write = prepare(database, changes).map_err(SaveError::NotWritten)?;
    write.commit().map_err(|error| SaveError::Unsure(error.into()))
}

/// Why changes were not written, or not for certain.
pub(super) enum SaveError {
    NotWritten(redb::Error),
    Unsure(redb::Error),
}

fn prepare(database: &Database, changes: &Changes) -> Result<redb::WriteTransaction, redb::Error> {
    let mut write = database.begin_write()?;
    write.set_durability(Durability::Immediate)?;
    {
        let mut records = write.open_table(RECORDS)?;
        for (key, record) in &changes.records {
            match record {
                Some(record) => {
                    let session = record.session.as_ref().map_or("", |session| session.0.as_str());
                    let StoredRecord { modified, created, lock_index, flags, .. } = **record;
                    let row = (modified, created, lock_index, flags, session, record.value.as_slice());
                    records.insert(key.as_str(), row)?;
                }
                None => drop(records.remove(key.as_str())?),
            }
        }
        let mut sessions = write.open_table(SESSIONS)?;
        for (id, session) in &changes.sessions {
            match session {
                Some(session) => {
                    let ttl = u64::try_from(session.ttl.as_millis()).unwrap_or(u64::MAX);
                    sessions.insert(id.0.as_str(), (ttl, session.created, session.name.as_str()))?;
                }
                None => drop(sessions.remove(id.0.as_str())?),
            }
        }
        write.open_table(META)?.insert("revision", changes.revision)?;
    }
    Ok(write)
}

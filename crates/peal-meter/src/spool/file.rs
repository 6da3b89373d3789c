//! The spool file: a magic number, then records of length, checksum and batch. Whatever is behind the last whole record is a torn tail, which
//! a crash leaves, or damage, which is kept aside for whoever wants to look.

use std::collections::VecDeque;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use peal_core::usage::Batch;
use sha2::{Digest, Sha256};

use super::Damage;

const MAGIC: &[u8; 8] = b"PEALUSE1";
const CHECKSUM_BYTES: usize = 8;
const HEAD_BYTES: usize = 4 + CHECKSUM_BYTES;
/// Longer is no record of ours.
const RECORD_BYTES_MAX: usize = 256 * 1024 * 1024;

#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    #[error("cannot {doing} {}", path.display())]
    Io { doing: &'static str, path: PathBuf, source: io::Error },
    #[error("another process uses the usage spool {}", path.display())]
    InUse { path: PathBuf },
    #[error("a usage batch cannot be written")]
    Encode(#[source] serde_json::Error),
}

#[derive(Debug)]
pub(super) struct SpoolFile {
    path: PathBuf,
    file: File,
    /// Bytes that are known to be good.
    length: u64,
    /// The file holds every batch that waits.
    whole: bool,
    _lock: File,
}

impl SpoolFile {
    pub(super) fn open(folder: &Path) -> Result<(Self, Vec<Batch>, Option<Damage>), SpoolError> {
        fs::create_dir_all(folder).map_err(failed("make", folder))?;
        let lock_path = folder.join("usage.lock");
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path).map_err(failed("open", &lock_path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(SpoolError::InUse { path: folder.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(SpoolError::Io { doing: "lock", path: lock_path, source }),
        }
        let path = folder.join("usage.spool");
        let mut file = File::options().create(true).truncate(false).read(true).write(true).open(&path).map_err(failed("open", &path))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed("read", &path))?;
        let read = read_records(&bytes);
        let mut spool = Self { length: read.good as u64, whole: true, path, file, _lock: lock };
        let damage = match &bytes[read.good..] {
            [] => None,
            rest if read.torn => {
                tracing::info!(bytes = rest.len(), "the last usage batch was being written when this node ended");
                None
            }
            rest => {
                spool.keep_aside(rest)?;
                let after = read.batches.last().map(|batch| (batch.source, batch.seq));
                Some(Damage { after, bytes: rest.len() as u64 })
            }
        };
        spool.truncate()?;
        Ok((spool, read.batches, damage))
    }

    /// Whether the file holds everything that waits, so that appending is enough.
    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    pub(super) fn append(&mut self, batch: &Batch) -> Result<(), SpoolError> {
        let record = record(batch)?;
        self.whole = false;
        let written =
            self.file.seek(SeekFrom::Start(self.length)).and_then(|_| self.file.write_all(&record)).and_then(|()| self.file.sync_data());
        written.map_err(failed("write", &self.path))?;
        self.length += record.len() as u64;
        self.whole = true;
        Ok(())
    }

    /// Everything in it is acknowledged. Not synced: what a crash brings back is sent again and recognised.
    pub(super) fn clear(&mut self) -> Result<(), SpoolError> {
        self.file.set_len(MAGIC.len() as u64).map_err(failed("truncate", &self.path))?;
        self.length = MAGIC.len() as u64;
        self.whole = true;
        Ok(())
    }

    /// Writes a new file and puts it in the place of the old one, so that one of them is always there.
    pub(super) fn rewrite(&mut self, batches: &VecDeque<Arc<Batch>>) -> Result<(), SpoolError> {
        self.whole = false;
        let aside = self.path.with_extension("new");
        let mut bytes = MAGIC.to_vec();
        for batch in batches {
            bytes.extend(record(batch)?);
        }
        let mut file = File::options().create(true).truncate(true).read(true).write(true).open(&aside).map_err(failed("open", &aside))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(failed("write", &aside))?;
        fs::rename(&aside, &self.path).map_err(failed("replace", &self.path))?;
        self.sync_folder()?;
        self.file = file;
        self.length = bytes.len() as u64;
        self.whole = true;
        Ok(())
    }

    /// Cuts off what is not known to be good, and begins a file that is empty.
    fn truncate(&mut self) -> Result<(), SpoolError> {
        let cut = |file: &mut File, length: u64| -> io::Result<()> {
            file.set_len(length)?;
            if length == 0 {
                file.seek(SeekFrom::Start(0))?;
                file.write_all(MAGIC)?;
            }
            file.sync_all()
        };
        cut(&mut self.file, self.length).map_err(failed("truncate", &self.path))?;
        self.length = self.length.max(MAGIC.len() as u64);
        self.sync_folder()
    }

    fn keep_aside(&self, rest: &[u8]) -> Result<(), SpoolError> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis());
        let aside = self.path.with_extension(format!("damaged-{now}"));
        tracing::error!(bytes = rest.len(), kept = %aside.display(), "the usage spool is damaged; what could not be read is kept");
        fs::write(&aside, rest).map_err(failed("write", &aside))
    }

    fn sync_folder(&self) -> Result<(), SpoolError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("sync", folder))
    }
}

struct ReadRecords {
    batches: Vec<Batch>,
    /// Bytes up to the end of the last whole record.
    good: usize,
    /// What follows may be the beginning of a record, or of the file.
    torn: bool,
}

fn read_records(bytes: &[u8]) -> ReadRecords {
    let mut read = ReadRecords { batches: Vec::new(), good: 0, torn: MAGIC.starts_with(bytes) };
    let Some(mut rest) = bytes.strip_prefix(MAGIC) else { return read };
    read.good = MAGIC.len();
    loop {
        let Some((head, body)) = rest.split_at_checked(HEAD_BYTES) else {
            read.torn = true;
            return read;
        };
        let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let Some(payload) = body.get(..length) else {
            read.torn = length <= RECORD_BYTES_MAX;
            return read;
        };
        let batch = if checksum(payload) == head[4..] { serde_json::from_slice(payload).ok() } else { None };
        let Some(batch) = batch else {
            read.torn = false;
            return read;
        };
        read.batches.push(batch);
        read.good += HEAD_BYTES + length;
        rest = &body[length..];
    }
}

fn record(batch: &Batch) -> Result<Vec<u8>, SpoolError> {
    let payload = serde_json::to_vec(batch).map_err(SpoolError::Encode)?;
    let mut record = Vec::with_capacity(HEAD_BYTES + payload.len());
    record.extend((payload.len() as u32).to_le_bytes());
    record.extend(checksum(&payload));
    record.extend(payload);
    Ok(record)
}

fn checksum(payload: &[u8]) -> [u8; CHECKSUM_BYTES] {
    let mut first = [0; CHECKSUM_BYTES];
    first.copy_from_slice(&Sha256::digest(payload)[..CHECKSUM_BYTES]);
    first
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SpoolError {
    let path = path.to_owned();
    move |source| SpoolError::Io { doing, path, source }
}

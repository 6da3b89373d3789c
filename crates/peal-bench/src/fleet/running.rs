//! A fleet to play with: one of our own, or one that `make cluster` has started and watches.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::process::{kill, terminate};
use super::{Fleet, FleetArgs, Layout, get};

/// The drain, a clean end and a start.
const RESTART_WITHIN: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(20);

/// How an edge ends before its successor starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It is asked to, and drains.
    Asked,
    /// Nobody is told, not even it.
    Killed,
}

#[derive(Debug)]
pub(crate) enum Running {
    Own(Box<Fleet>),
    Elsewhere { file: PathBuf, layout: Box<Layout> },
}

impl Running {
    /// # Errors
    /// A fleet that does not start, or a file that describes none.
    pub(crate) fn open(args: &FleetArgs, file: Option<&Path>) -> io::Result<Self> {
        match file {
            None => Ok(Self::Own(Box::new(Fleet::start(args, None)?))),
            Some(file) => Ok(Self::Elsewhere { file: file.to_owned(), layout: Box::new(read(file)?) }),
        }
    }

    pub(crate) fn layout(&self) -> &Layout {
        match self {
            Self::Own(fleet) => &fleet.layout,
            Self::Elsewhere { layout, .. } => layout,
        }
    }

    /// Rolls one edge: ends it, and returns when its successor is ready. `tick` is called meanwhile.
    ///
    /// # Errors
    /// It does not stop, stops with an error although it was asked, or does not come back.
    pub(crate) fn restart(&mut self, index: usize, ending: Ending, mut tick: impl FnMut()) -> io::Result<()> {
        let before = self.layout().edges[index].pid;
        match ending {
            Ending::Asked => terminate(before),
            Ending::Killed => kill(before),
        }
        let deadline = Instant::now() + RESTART_WITHIN;
        loop {
            if self.is_back(index, before, ending)? {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(io::Error::other(format!("edge {} is not back within {} s", index + 1, RESTART_WITHIN.as_secs())));
            }
            tick();
            std::thread::sleep(LOOK);
        }
    }

    fn is_back(&mut self, index: usize, before: u32, ending: Ending) -> io::Result<bool> {
        match self {
            Self::Own(fleet) => {
                if !fleet.ended().contains(&index) {
                    return Ok(false);
                }
                match fleet.start_again(index)? {
                    Some(0) => Ok(true),
                    _ if ending == Ending::Killed => Ok(true),
                    code => Err(io::Error::other(format!("edge {} ended with {code:?}\n{}", index + 1, fleet.logs()))),
                }
            }
            Self::Elsewhere { file, layout } => {
                **layout = read(file)?;
                let edge = &layout.edges[index];
                Ok(edge.pid != before && edge.pid != 0 && get(&format!("{}/readyz", edge.url)).is_ok_and(|answer| answer.0 == 200))
            }
        }
    }

    /// What its parts said, if they are ours.
    pub(crate) fn logs(&self) -> String {
        match self {
            Self::Own(fleet) => fleet.logs(),
            Self::Elsewhere { layout, .. } => format!("logs are in {}", layout.folder.display()),
        }
    }

    pub(crate) fn stop(self) {
        if let Self::Own(fleet) = self {
            fleet.stop();
        }
    }
}

fn read(file: &Path) -> io::Result<Layout> {
    let text = fs::read(file)
        .map_err(|error| io::Error::other(format!("no fleet runs ({}: {error}); start one with `make cluster`", file.display())))?;
    Ok(serde_json::from_slice(&text)?)
}

//! Who is in a channel, as one client was told: a snapshot and the changes since. A change that does not fit is a violation.

use std::collections::BTreeSet;

/// Members by user and connection, or users alone, as the wire format has it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Roster(BTreeSet<String>);

impl Roster {
    pub(crate) fn snapshot(members: impl IntoIterator<Item = String>) -> Result<Self, String> {
        let mut roster = Self::default();
        for member in members {
            if !roster.0.insert(member.clone()) {
                return Err(format!("{member} is in the snapshot twice"));
            }
        }
        Ok(roster)
    }

    pub(crate) fn enter(&mut self, member: String) -> Result<(), String> {
        if self.0.contains(&member) {
            return Err(format!("{member} enters twice"));
        }
        self.0.insert(member);
        Ok(())
    }

    pub(crate) fn update(&self, member: &str) -> Result<(), String> {
        if self.0.contains(member) { Ok(()) } else { Err(format!("{member} changes, but is not there")) }
    }

    pub(crate) fn leave(&mut self, member: &str) -> Result<(), String> {
        if self.0.remove(member) { Ok(()) } else { Err(format!("{member} leaves, but is not there")) }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn expect(&self, truth: &BTreeSet<String>) -> Result<(), String> {
        if self.0 == *truth { Ok(()) } else { Err(format!("it was told of the members {:?}, there are {truth:?}", self.0)) }
    }
}

//! The scripts, loaded on every connection before anything uses them.

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisResult};

const FENCE: &str = include_str!("lua/fence.lua");

/// What a script is called, and where its text comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Publish,
    Presence,
    Heads,
    Older,
    Witness,
    Lease,
}

/// In the order of [`Script`].
const ALL: [Script; 6] = [Script::Publish, Script::Presence, Script::Heads, Script::Older, Script::Witness, Script::Lease];

impl Script {
    fn text(self) -> String {
        match self {
            // The first line says that the server refuses the whole batch when it is out of memory or no primary.
            Self::Publish => ["#!lua\n", FENCE, include_str!("lua/publish.lua")].concat(),
            Self::Presence => ["#!lua\n", FENCE, include_str!("lua/presence.lua")].concat(),
            Self::Heads => include_str!("lua/heads.lua").into(),
            Self::Older => include_str!("lua/older.lua").into(),
            Self::Witness => include_str!("lua/witness.lua").into(),
            Self::Lease => include_str!("lua/lease.lua").into(),
        }
    }
}

/// Their digests.
#[derive(Debug, Clone)]
pub(super) struct Loaded([String; ALL.len()]);

impl Loaded {
    pub(super) async fn load(connection: &mut MultiplexedConnection) -> RedisResult<Self> {
        let mut digests: [String; ALL.len()] = Default::default();
        for (digest, script) in digests.iter_mut().zip(ALL) {
            *digest = redis::cmd("SCRIPT").arg("LOAD").arg(script.text()).query_async(connection).await?;
        }
        Ok(Self(digests))
    }

    /// A call of a script with so many keys; keys and arguments are to be added.
    pub(super) fn call(&self, script: Script, keys: usize) -> Cmd {
        let mut call = redis::cmd("EVALSHA");
        call.arg(&self.0[script as usize]).arg(keys);
        call
    }
}

//! Promises of the meter, each against a real Postgres with a database of its own. A file per promise:
//! `exactness` is what happens to senders, `race` what could happen between a batch and a roll-up, `restore` a Postgres that forgot,
//! `late` what comes too late, `quota` what nodes are told, `reading` what is read, `retention` what is dropped.

mod common;
mod exactness;
mod killed;
mod late;
mod quota;
mod race;
mod reading;
mod restore;
mod retention;

//! Promises of the binary, each tested with the real one, a real Postgres and real signals. A file per promise:
//! `ready`, `restart`, `beside`, `stop`, `user`, `apart`, `config`, `refusal`, `messages`, `usage`. What needs no process is tested beside the code.

mod apart;
mod beside;
mod config;
mod http;
mod messages;
mod peal;
mod ready;
mod refusal;
mod restart;
mod stop;
mod usage;
mod user;

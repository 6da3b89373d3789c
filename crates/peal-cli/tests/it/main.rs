//! Promises of the binary, each tested with the real one, a real Postgres and real signals. A file per promise:
//! `ready`, `restart`, `beside`, `stop`, `user`, `apart`, `config`, `deploy`, `refusal`, `redis`, `messages`, `usage`. What needs no process is tested beside the code.

mod apart;
mod beside;
mod config;
mod deploy;
mod http;
mod messages;
mod peal;
mod ready;
mod redis;
mod refusal;
mod restart;
mod stop;
mod usage;
mod user;

//! The client against a server that a test scripts, over a pipe in this process. Time stands still except when everything
//! waits; then it jumps to the next timer.

mod connection;
mod pusher;
mod rest;
mod script;
mod subscription;

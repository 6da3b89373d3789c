//! (the memory broker is being written)
#[derive(Debug)]
pub struct MemoryBroker;

//! What happened, in words, for whoever has to understand a failing seed. Off in the many runs that pass.

#[derive(Debug, Default)]
pub(crate) struct Trace(Option<Vec<String>>);

impl Trace {
    pub(crate) fn on() -> Self {
        Self(Some(Vec::new()))
    }

    /// The text is only made when somebody will read it.
    pub(crate) fn note(&mut self, now_ms: u64, text: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.0 {
            lines.push(format!("{now_ms:>7} {}", text()));
        }
    }

    pub(crate) fn lines(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }
}

//! Servers, replicas and Sentinels that speak TLS, under one certificate that the test makes and that is for `localhost` only.

use std::sync::Arc;

use super::{RedisServer, free_port, wait_until};

/// How a server is reached by TLS.
#[derive(Debug)]
pub struct TlsPort {
    pub port: u16,
    /// In PEM.
    pub authorities: Vec<u8>,
    /// With the certificate and its key.
    folder: Arc<tempfile::TempDir>,
}

impl TlsPort {
    /// Under the same certificate.
    fn another(&self) -> Self {
        Self { port: free_port(), authorities: self.authorities.clone(), folder: Arc::clone(&self.folder) }
    }

    fn settings(&self) -> [(&'static str, String); 5] {
        let path = |name: &str| self.folder.path().join(name).to_string_lossy().into_owned();
        [
            ("tls-port", self.port.to_string()),
            ("tls-cert-file", path("certificate.pem")),
            ("tls-key-file", path("key.pem")),
            ("tls-ca-cert-file", path("certificate.pem")),
            ("tls-auth-clients", "no".into()),
        ]
    }
}

impl RedisServer {
    /// One that speaks TLS as well, and the certificate, in PEM, that vouches for it. It is for `localhost` only.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_with_tls() -> (Self, TlsPort) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
        let folder = tempfile::Builder::new().prefix("peal-redis-tls-").tempdir().expect("a temporary folder can be made");
        let write = |name: &str, pem: String| std::fs::write(folder.path().join(name), pem).expect("the folder can be written to");
        write("certificate.pem", made.cert.pem());
        write("key.pem", made.signing_key.serialize_pem());
        let tls = TlsPort { port: free_port(), authorities: made.cert.pem().into_bytes(), folder: folder.into() };
        (Self::start_speaking(&tls, &[]), tls)
    }

    fn start_speaking(tls: &TlsPort, settings: &[&str]) -> Self {
        let tls: Vec<String> = tls.settings().into_iter().flat_map(|(name, value)| [format!("--{name}"), value]).collect();
        Self::start_with(&tls.iter().map(String::as_str).chain(settings.iter().copied()).collect::<Vec<_>>())
    }

    /// A replica that is connected by TLS, and how it is reached itself.
    #[must_use]
    pub fn start_replica_over_tls(primary: &Self, tls: &TlsPort) -> (Self, TlsPort) {
        let own = tls.another();
        let replica = Self::start_speaking(&own, &["--tls-replication", "yes", "--replica-announce-ip", "localhost"]);
        replica.command(&["REPLICAOF", "localhost", &tls.port.to_string()]);
        let shown = format!("port={},state=online", own.port);
        wait_until("the replica is online", || primary.command(&["INFO", "replication"]).contains(&shown));
        (replica, own)
    }

    /// As [`Self::start_sentinel`], but everything goes over TLS and by name.
    ///
    /// # Panics
    /// As [`Self::start`].
    #[must_use]
    pub fn start_sentinel_over_tls(tls: &TlsPort, name: &str) -> (Self, TlsPort) {
        let own = tls.another();
        let mut settings: String = own.settings().into_iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        settings += "tls-replication yes\nsentinel resolve-hostnames yes\nsentinel announce-hostnames yes\n";
        (Self::start_watching("localhost", tls.port, name, &settings), own)
    }
}

//! `deploy/local/nginx.conf`, with the addresses of one fleet.

use super::ports::Ports;

const CONF: &str = include_str!("../../../../deploy/local/nginx.conf");
/// What stands in the file.
const DEFAULT: u16 = 7_100;
const UPSTREAM: &str = "        server 127.0.0.1:7101 max_fails=1 fail_timeout=1s;\n";

/// The configuration of nginx in front of these edges.
pub(super) fn configuration(ports: &Ports) -> String {
    let kept = CONF.lines().filter(|line| !line.trim_start().starts_with("server 127.0.0.1:") || line.contains("7101"));
    let one: String = kept.flat_map(|line| [line, "\n"]).collect();
    let upstreams: String = ports.edges.iter().map(|port| UPSTREAM.replace("7101", &port.to_string())).collect();
    one.replace(UPSTREAM, &upstreams).replace(&format!("127.0.0.1:{DEFAULT}"), &format!("127.0.0.1:{}", ports.proxy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_for_the_usual_ports_and_others_are_filled_in() {
        assert_eq!(configuration(&Ports::from(DEFAULT, 3)), CONF);
        let two = configuration(&Ports::from(8_000, 2));
        let addresses: Vec<&str> = two.lines().filter(|line| line.contains("127.0.0.1:")).map(str::trim).collect();
        assert_eq!(
            addresses,
            [
                "server 127.0.0.1:8001 max_fails=1 fail_timeout=1s;",
                "server 127.0.0.1:8002 max_fails=1 fail_timeout=1s;",
                "listen 127.0.0.1:8000 backlog=4096;"
            ]
        );
    }
}

//! What a person sees once everything serves. It goes to standard output and is the one place, beside the ready file, that shows the
//! development credentials.

use std::io::IsTerminal;
use std::time::Duration;

use secrecy::ExposeSecret;

use super::database::Database;
use super::ready::Ready;
use crate::failure::Failure;

pub(super) fn print(ready: &Ready, took: Duration, database: &Database) -> Result<(), Failure> {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    crate::print(&text(ready, took, &database.description(), colour))
}

fn text(ready: &Ready, took: Duration, database: &str, colour: bool) -> String {
    let (bold, dim, end) = if colour { ("\x1b[1m", "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let (app, account) = (&ready.credentials.app, &ready.credentials.account);
    format!(
        "\n  {bold}Peal is ready{end} {dim}({seconds:.1} s){end}\n\n\
         \x20 Dashboard  {bold}{dashboard}{end}\n\
         \x20 Sign in    {email}  {password}\n\
         \x20 Edge       {edge}\n\
         \x20 Metrics    {admin}/metrics\n\
         \x20 Database   {database}\n\
         \x20 App        {app_id}  key {key}\n\n\
         \x20 Publish your first message:\n\n\
         {curl}\n\n\
         \x20 {dim}Ctrl-C stops everything.{end}\n\n",
        seconds = took.as_secs_f64(),
        dashboard = ready.dashboard_url,
        email = account.email,
        password = account.password.expose_secret(),
        edge = ready.edge_url,
        admin = ready.admin_url,
        app_id = app.app_id,
        key = app.key_id,
        curl = curl(ready),
    )
}

/// One line that works as pasted, so without an indent that a shell history would keep.
fn curl(ready: &Ready) -> String {
    let credentials = &ready.credentials;
    format!(
        "curl -u {}:{} {}/v1/channels/hello/messages -H 'Content-Type: application/json' -d '{{\"data\":{{\"text\":\"Hello\"}}}}'",
        credentials.app.key_id,
        shell_quoted(credentials.app.secret.expose_secret()),
        ready.edge_url
    )
}

/// Generated secrets need no quotes; a seeded one may hold anything.
fn shell_quoted(text: &str) -> String {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dev::credentials::{Account, Credentials};

    #[test]
    fn the_curl_line_survives_any_secret() {
        let ready = Ready {
            pid: 1,
            edge_url: "http://127.0.0.1:7100".to_owned(),
            api_url: "http://127.0.0.1:7200".to_owned(),
            admin_url: "http://127.0.0.1:7300".to_owned(),
            database_url: String::new(),
            dashboard_url: "http://127.0.0.1:7200".to_owned(),
            credentials: Credentials {
                app: "1234:key:it's $secret".parse().unwrap(),
                account: Account { email: "dev@peal.example".to_owned(), password: "p".into(), password_hash: None },
            },
        };
        let banner = text(&ready, Duration::from_millis(1234), "private", false);
        assert!(banner.contains("\ncurl -u key:'it'\\''s $secret' http://127.0.0.1:7100/v1/channels/hello/messages "), "{banner}");
        assert!(banner.contains("http://127.0.0.1:7200") && banner.contains("(1.2 s)"), "{banner}");
    }
}

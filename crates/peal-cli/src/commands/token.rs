//! `peal token`: mints a client token on this machine, as a customer's server would.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use peal_core::token::{Claims, LIFETIME_MAX_S};
use peal_core::{Capabilities, ChannelName};
use serde_json::json;
use serde_json::value::RawValue;

use super::channel_name;
use super::target::TargetArgs;
use crate::failure::Failure;

#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Who the bearer is
    #[arg(long, value_name = "ID")]
    client_id: Option<String>,
    /// What the bearer may do where, for example `room.*=subscribe,publish` or `*=*`; may repeat. Without any: subscribe to public channels
    #[arg(long = "capability", value_name = "PATTERN=OPERATIONS", value_parser = capability)]
    capabilities: Vec<(String, Vec<String>)>,
    /// Make a channel token, good for this one channel
    #[arg(long, value_name = "CHANNEL", value_parser = channel_name)]
    channel: Option<ChannelName>,
    /// How long it is good: seconds, or a number with s, m or h; at most 24h
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = lifetime)]
    ttl: Duration,
    /// JSON that others see in presence
    #[arg(long, value_name = "JSON")]
    info: Option<String>,
    /// One JSON object instead of the bare token
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArgs,
}

pub(crate) fn run(args: &TokenArgs) -> Result<(), Failure> {
    let key = args.target.key()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let claims = args.claims(now)?;
    let token = peal_client::mint_token(&key.id, &key.secret, &claims).map_err(|_| Failure::failed("the token could not be signed"))?;
    peal_core::token::key_id(&token).map_err(|refusal| Failure::usage(refusal.detail))?;
    if args.json {
        return crate::print(&format!("{}\n", json!({ "token": token, "expires_at": claims.exp, "key": key.id.as_str() })));
    }
    crate::print(&format!("{token}\n"))
}

impl TokenArgs {
    fn claims(&self, now: u64) -> Result<Claims, Failure> {
        let info =
            self.info.as_ref().map(|text| RawValue::from_string(text.clone()).map_err(|error| Failure::usage(format!("--info: {error}"))));
        let claims = Claims {
            sub: self.client_id.clone(),
            exp: now + self.ttl.as_secs(),
            iat: Some(now),
            cap: self.capabilities()?,
            info: info.transpose()?,
            ch: self.channel.as_ref().map(ToString::to_string),
            ..Claims::default()
        };
        claims.check().map_err(|refusal| Failure::usage(refusal.detail))?;
        self.refuse_useless(claims.cap.as_ref())?;
        Ok(claims)
    }

    /// A channel token whose capabilities are all about other channels opens nothing.
    fn refuse_useless(&self, capabilities: Option<&Capabilities>) -> Result<(), Failure> {
        let Some(capabilities) = capabilities else { return Ok(()) };
        capabilities.check().map_err(|text| Failure::usage(format!("--capability: {text}")))?;
        match &self.channel {
            Some(channel) if !capabilities.iter().any(|(pattern, _)| pattern.matches(channel)) => Err(Failure::usage(format!(
                "--channel {channel} makes the token good for this channel alone, and no --capability matches it; the server would refuse \
                 everything"
            ))),
            _ => Ok(()),
        }
    }

    fn capabilities(&self) -> Result<Option<Capabilities>, Failure> {
        if self.capabilities.is_empty() {
            return Ok(None);
        }
        let mut map: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (pattern, operations) in &self.capabilities {
            map.entry(pattern).or_default().extend(operations.iter().map(String::as_str));
        }
        serde_json::from_value(json!(map)).map(Some).map_err(|error| Failure::usage(format!("--capability: {error}")))
    }
}

fn capability(text: &str) -> Result<(String, Vec<String>), String> {
    match text.rsplit_once('=') {
        Some((pattern, operations)) if !pattern.is_empty() && !operations.is_empty() => {
            Ok((pattern.to_owned(), operations.split(',').map(str::to_owned).collect()))
        }
        _ => Err("it must be PATTERN=OPERATION,… such as room.*=subscribe,publish".to_owned()),
    }
}

fn lifetime(text: &str) -> Result<Duration, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let factor = match &text[digits..] {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err("it must be a number of seconds, or a number with s, m or h".to_owned()),
    };
    let count: u64 = text[..digits].parse().map_err(|_| "it must begin with a number".to_owned())?;
    match count.checked_mul(factor) {
        Some(seconds) if (1..=LIFETIME_MAX_S).contains(&seconds) => Ok(Duration::from_secs(seconds)),
        _ => Err("it must be from 1s to 24h".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use peal_core::Operation;

    use super::*;
    use crate::cli::{Cli, Command};

    fn claims(flags: &[&str]) -> Result<Claims, Failure> {
        let parsed = Cli::try_parse_from(["peal", "token"].iter().chain(flags)).expect("the flags are known");
        let Command::Token(args) = parsed.command else { panic!("another command") };
        args.claims(1_000)
    }

    #[test]
    fn what_the_server_would_refuse_is_refused_here_with_the_reason() {
        let deep = "[".repeat(40) + &"]".repeat(40);
        let long = "x".repeat(129);
        for (flags, reason) in [
            (&["--client-id", ""][..], "1 to 128 characters"),
            (&["--client-id", &long], "1 to 128 characters"),
            (&["--channel", "room", "--capability", "other=subscribe"], "no --capability matches it"),
            (&["--capability", "room!=subscribe"], "no channel name holds '!'"),
            (&["--capability", "room=dance"], "dance"),
            (&["--info", &deep], "deeper than 32"),
        ] {
            let refused = claims(flags).expect_err("refused");
            assert!(refused.text.contains(reason) && refused.kind == crate::failure::Kind::Usage, "{flags:?}: {refused:?}");
        }
        assert!(claims(&["--channel", "room", "--capability", "ro*=subscribe", "--client-id", "ada"]).is_ok());
    }

    #[test]
    fn capabilities_of_one_pattern_add_up() {
        let claims = claims(&["--capability", "room=subscribe", "--capability", "room=publish"]).expect("accepted");
        let room = ChannelName::parse("room").expect("a name");
        let granted = claims.cap.expect("some");
        assert!(granted.allows(Operation::Subscribe, &room) && granted.allows(Operation::Publish, &room));
    }

    #[test]
    fn lifetimes_are_bounded() {
        assert_eq!(lifetime("90").unwrap(), Duration::from_secs(90));
        assert_eq!(lifetime("15m").unwrap(), Duration::from_secs(900));
        assert_eq!(lifetime("24h").unwrap(), Duration::from_secs(86_400));
        for wrong in ["0", "25h", "1d", "m", "", "99999999999999999999h", "18446744073709551615h"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn capabilities_name_a_pattern_and_operations() {
        assert_eq!(
            capability("room.*=subscribe,publish").unwrap(),
            ("room.*".to_owned(), vec!["subscribe".to_owned(), "publish".to_owned()])
        );
        assert_eq!(capability("a=b=history").unwrap().0, "a=b");
        assert!(capability("room.*").is_err());
    }
}

//! `peal token`: mints a client token on this machine, as a customer's server would.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Args;
use peal_core::token::{Claims, LIFETIME_MAX_S};
use peal_core::{Capabilities, ChannelName};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

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
    if args.json {
        return crate::print(&format!("{}\n", json!({ "token": token, "expires_at": claims.exp, "key": key.id.as_str() })));
    }
    crate::print(&format!("{token}\n"))
}

impl TokenArgs {
    fn claims(&self, now: u64) -> Result<Claims, Failure> {
        let info =
            self.info.as_ref().map(|text| RawValue::from_string(text.clone()).map_err(|error| Failure::usage(format!("--info: {error}"))));
        Ok(Claims {
            sub: self.client_id.clone(),
            exp: now + self.ttl.as_secs(),
            iat: Some(now),
            cap: self.capabilities()?,
            info: info.transpose()?,
            ch: self.channel.as_ref().map(ToString::to_string),
            ..Claims::default()
        })
    }

    fn capabilities(&self) -> Result<Option<Capabilities>, Failure> {
        if self.capabilities.is_empty() {
            return Ok(None);
        }
        let map: Map<String, Value> = self.capabilities.iter().map(|(pattern, operations)| (pattern.clone(), json!(operations))).collect();
        serde_json::from_value(Value::Object(map)).map(Some).map_err(|error| Failure::usage(format!("--capability: {error}")))
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
    use super::*;

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

//! Who a Pusher client says it is: `channel_data` of a presence channel and `user_data` of a sign-in. Both are signed as text; only
//! after the signature is checked do they get here.

use std::sync::Arc;

use peal_core::{ChannelName, ErrorCode, Refusal};
use serde_json::value::RawValue;

use crate::json::{self, Fields};

pub const USER_ID_LENGTH_MAX: usize = 128;
/// Users that one connection may watch.
pub const WATCHLIST_MAX: usize = 100;

/// A presence member as its app describes it. The size of `user_info` is for the caller to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub user_id: Arc<str>,
    /// JSON text.
    pub user_info: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedInUser {
    pub identity: Identity,
    /// At most [`WATCHLIST_MAX`] ids.
    pub watchlist: Vec<Arc<str>>,
    /// More were given; tell it with 4302.
    pub watchlist_truncated: bool,
}

/// `{"user_id": text or number, "user_info"?: any}`.
///
/// # Errors
/// `presence_data_invalid`.
pub fn parse_channel_data(channel_data: &str) -> Result<Identity, Refusal> {
    let refuse = |why: &str| Refusal::new(ErrorCode::PresenceDataInvalid, format!("channel_data is not valid: {why}"));
    let fields = Fields::parse(channel_data).map_err(|refusal| refuse(&refusal.detail))?;
    let user_id = fields.get("user_id").map_err(|refusal| refuse(&refusal.detail))?;
    let user_id = user_id.and_then(id).ok_or_else(|| refuse("`user_id` must be text or a number."))?;
    if user_id.is_empty() || user_id.chars().count() > USER_ID_LENGTH_MAX {
        return Err(refuse("`user_id` must have 1 to 128 characters."));
    }
    let user_info = fields.get("user_info").map_err(|refusal| refuse(&refusal.detail))?;
    Ok(Identity { user_id, user_info: user_info.map(|info| info.get().into()) })
}

/// `{"id": text, "user_info"?: any, "watchlist"?: [ids]}`.
///
/// # Errors
/// `user_id_invalid`.
pub fn parse_user_data(user_data: &str) -> Result<SignedInUser, Refusal> {
    let refuse = |why: &str| Refusal::new(ErrorCode::UserIdInvalid, format!("user_data is not valid: {why}"));
    let fields = Fields::parse(user_data).map_err(|refusal| refuse(&refusal.detail))?;
    let id_given = fields.required_text("id").map_err(|refusal| refuse(&refusal.detail))?;
    if id_given.len() > USER_ID_LENGTH_MAX || ChannelName::server_to_user(&id_given).is_err() {
        return Err(refuse("`id` must have 1 to 128 characters of A-Z a-z 0-9 _ - = @ , . ; and :"));
    }
    let user_info = fields.get("user_info").map_err(|refusal| refuse(&refusal.detail))?.map(|info| info.get().into());
    let watched = match fields.get("watchlist").map_err(|refusal| refuse(&refusal.detail))? {
        Some(list) => json::array(list).ok_or_else(|| refuse("`watchlist` must be an array."))?,
        None => Vec::new(),
    };
    let watchlist = watched.iter().take(WATCHLIST_MAX).map(|user| id(user));
    let watchlist = watchlist.collect::<Option<_>>().ok_or_else(|| refuse("`watchlist` must hold user ids."))?;
    Ok(SignedInUser {
        identity: Identity { user_id: (&*id_given).into(), user_info },
        watchlist,
        watchlist_truncated: watched.len() > WATCHLIST_MAX,
    })
}

/// An id given as text, or as a number, which becomes the text it was written as.
fn id(value: &RawValue) -> Option<Arc<str>> {
    if value.get().starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        return Some(value.get().into());
    }
    json::string(value).map(|text| (&*text).into())
}

//! The one table of refusals: code, name, HTTP status, close codes, what the client should do next, and the public sentence.
//!
//! The close code's band tells a client its next move without knowing the code (protocol 5): 4000-4099 stop, 4100-4199
//! reconnect with backoff, 4200-4299 reconnect at once, 4400-4499 get a fresh token first. Codes are never reused. The
//! documentation page `docs/errors.md` and the SDK's constants are generated from this table.

use serde::Serialize;

use crate::id::MessageId;

/// What a client should do after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// The same request will be refused again; change something first.
    Never,
    /// Try again after a growing pause, or after `retry_after`.
    Backoff,
    /// Try again at once.
    Now,
    /// Get a fresh token, then try again.
    FreshToken,
}

/// One row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorInfo {
    pub code: u32,
    pub name: &'static str,
    pub http_status: u16,
    /// WebSocket close code on the native protocol, where the refusal ends the connection.
    pub close: u16,
    /// Code on the Pusher protocol, as close code or in `pusher:error`; `None` is JSON null.
    pub pusher: Option<u16>,
    pub retry: Retry,
    /// The public sentence: what happened and what to do next.
    pub text: &'static str,
}

macro_rules! error_table {
    ($($variant:ident = $code:literal $name:literal $http:literal, $close:literal, $pusher:expr, $retry:ident, $text:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ErrorCode { $($variant,)* }

        impl ErrorCode {
            /// Every row, in order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            #[must_use]
            pub const fn info(self) -> ErrorInfo {
                match self {
                    $(Self::$variant => ErrorInfo {
                        code: $code, name: $name, http_status: $http, close: $close, pusher: $pusher, retry: Retry::$retry, text: $text,
                    },)*
                }
            }
        }
    };
}

error_table! {
    // Requests that are wrong in themselves.
    InvalidRequest = 40000 "invalid_request" 400, 4000, None, Never, "The request is malformed. Compare it with the documentation.";
    InvalidJson = 40001 "invalid_json" 400, 4000, None, Never, "The body or frame is not valid JSON. Send one UTF-8 JSON object.";
    NestingTooDeep = 40002 "nesting_too_deep" 400, 4000, None, Never, "The JSON nests deeper than 64 levels. Flatten it.";
    BinaryFrame = 40003 "binary_frame" 400, 4000, None, Never, "Binary frames are not supported here. Send text frames.";
    UnknownOperation = 40004 "unknown_operation" 400, 4000, None, Never, "This operation does not exist. See the list of operations in the protocol page.";
    ChannelNameInvalid = 40010 "channel_name_invalid" 400, 4010, None, Never, "The channel name is not valid. Use 1 to 164 characters of A-Z a-z 0-9 _ - = @ , . ; and :";
    EventNameInvalid = 40011 "event_name_invalid" 400, 4000, None, Never, "The event name is not valid. Use 1 to 200 characters, not beginning with pusher:, pusher_internal: or peal:";
    MessageIdInvalid = 40012 "message_id_invalid" 400, 4000, None, Never, "The message id is not valid. Use 1 to 64 characters of A-Z a-z 0-9 _ - . and :";
    PositionInvalid = 40013 "position_invalid" 400, 4000, None, Never, "The position is not of the form era-seq. Hand back one that you received.";
    TooManyChannels = 40014 "too_many_channels" 400, 4000, None, Never, "One publish reaches at most 100 channels. Split it.";
    BatchTooLarge = 40015 "batch_too_large" 400, 4000, None, Never, "The batch holds too many messages. Split it.";
    SocketIdInvalid = 40016 "socket_id_invalid" 400, 4000, None, Never, "The socket_id is not of the form digits.digits. Use the one your client library reports.";
    InfoNotAvailable = 40017 "info_not_available" 400, 4000, None, Never, "This attribute is not available for this channel.";
    PresenceDataInvalid = 40018 "presence_data_invalid" 400, 4009, Some(4009), Never, "Presence needs channel_data with a user_id (text or number, at most 128 characters).";
    NotAPresenceChannel = 40019 "not_a_presence_channel" 400, 4000, None, Never, "Only presence- channels have members. Ask for a presence channel.";
    AlreadyConnected = 40020 "already_connected" 400, 4000, None, Never, "This connection is authenticated already. Use refresh to replace the token.";
    NotConnected = 40021 "not_connected" 400, 4000, None, Never, "Send connect before any other operation.";
    NotSubscribed = 40022 "not_subscribed" 400, 4000, None, Never, "This connection is not subscribed to the channel. Subscribe first.";
    AlreadySubscribed = 40023 "already_subscribed" 400, 4000, None, Never, "This connection is subscribed to the channel already; nothing changed.";
    UserIdInvalid = 40024 "user_id_invalid" 400, 4009, Some(4009), Never, "The user id is missing or not valid.";
    NoClientId = 40025 "no_client_id" 400, 4000, None, Never, "Presence needs a client id. Put it into the token's sub claim.";
    WeakPassword = 40030 "weak_password" 400, 4000, None, Never, "The password is too easy to guess. Use at least 10 characters and no common one.";
    EmailInvalid = 40031 "email_invalid" 400, 4000, None, Never, "The e-mail address is not valid.";
    MethodNotAllowed = 40500 "method_not_allowed" 405, 4000, None, Never, "This path does not answer this method.";
    UnsupportedMediaType = 41500 "unsupported_media_type" 415, 4000, None, Never, "Send the body as application/json.";

    UpgradeRequired = 42600 "upgrade_required" 426, 4000, None, Never, "This path speaks WebSocket only. Send the Upgrade and Connection headers; a proxy in between must pass them on.";

    // Who are you.
    UnknownKey = 40100 "unknown_key" 401, 4001, Some(4001), Never, "No app has this key. Check the key id and that you reached the right server.";
    TokenExpired = 40101 "token_expired" 401, 4401, Some(4009), FreshToken, "The token has expired. Get a fresh one from your server.";
    TokenInvalid = 40102 "token_invalid" 401, 4009, Some(4009), Never, "The token is not valid: not a JWT signed with HS256 by a live key of this app.";
    TokenRevoked = 40103 "token_revoked" 401, 4402, Some(4009), FreshToken, "The token has been revoked. Ask your server for a new one.";
    SignatureInvalid = 40104 "signature_invalid" 401, 4009, Some(4009), Never, "The signature does not match. Check the secret and what was signed.";
    TimestampStale = 40105 "timestamp_stale" 401, 4009, None, Never, "The timestamp is more than 600 seconds off. Check the clock of the signing machine.";
    BodyHashInvalid = 40106 "body_hash_invalid" 401, 4009, None, Never, "The body hash does not match the body. Sign the bytes that you send.";
    CredentialsMissing = 40107 "credentials_missing" 401, 4009, Some(4009), Never, "No credentials were given. Sign the request or send a token.";
    KeyRevoked = 40108 "key_revoked" 401, 4008, Some(4009), Never, "The key that opened this connection has been revoked or has expired.";
    BadCredentials = 40110 "bad_credentials" 401, 4009, None, Never, "E-mail or password is wrong.";
    SignInRequired = 40111 "sign_in_required" 401, 4009, None, Never, "Sign in first.";
    AuthTimeout = 40112 "auth_timeout" 401, 4107, Some(4009), Backoff, "The connection did not authenticate within 10 seconds.";

    // You may not.
    NotAuthorised = 40300 "not_authorised" 403, 4009, Some(4009), Never, "The key or token does not allow this operation on this channel.";
    AppPaused = 40301 "app_paused" 403, 4003, Some(4003), Never, "The app is paused. Resume it in the dashboard.";
    AnonymousNotAllowed = 40302 "anonymous_not_allowed" 403, 4009, Some(4009), Never, "Anonymous clients are not allowed here. Use a token.";
    OriginNotAllowed = 40303 "origin_not_allowed" 403, 4009, Some(4009), Never, "This origin may not use the key. Add it to the key's allowed origins.";
    ClientEventNotAllowed = 40304 "client_event_not_allowed" 403, 4009, None, Never, "Client events need a rule that allows them, a private or presence channel, and a subscription to it.";
    ClientIdMismatch = 40305 "client_id_mismatch" 403, 4009, Some(4009), Never, "The token is for another client id than this connection.";
    SudoRequired = 40310 "sudo_required" 403, 4009, None, Never, "Enter your password again to do this.";
    CsrfRefused = 40311 "csrf_refused" 403, 4009, None, Never, "The request does not come from the dashboard's own pages.";
    SignUpsClosed = 40312 "sign_ups_closed" 403, 4009, None, Never, "This server does not accept sign-ups.";
    RoleNotAllowed = 40313 "role_not_allowed" 403, 4009, None, Never, "Your role in this organisation does not allow this. Ask an owner.";
    NotFound = 40400 "not_found" 404, 4005, Some(4005), Never, "Nothing is here. Check the path and the id.";
    EmailTaken = 40900 "email_taken" 409, 4000, None, Never, "An account with this e-mail exists. Sign in instead.";
    VersionConflict = 40901 "version_conflict" 409, 4000, None, Never, "Somebody else has changed this since you read it. Read it again and repeat your change.";
    IdempotencyConflict = 40902 "idempotency_conflict" 409, 4000, None, Never, "This Idempotency-Key was used for another request. Use a fresh one for each thing that you make.";
    TooMany = 40903 "too_many" 409, 4000, None, Never, "There are as many of these as there may be. Delete one that is no longer needed.";
    KeyReplaced = 40904 "key_replaced" 409, 4000, None, Never, "This key has been rotated already. Rotate the key that replaced it.";

    // Too much.
    FrameTooLarge = 41300 "frame_too_large" 413, 4006, None, Never, "The frame or body is larger than the limit. Send less at once.";
    MessageTooLarge = 41301 "message_too_large" 413, 4000, None, Never, "The message's data is larger than the limit. Send less, or a reference.";
    PresenceDataTooLarge = 41302 "presence_data_too_large" 413, 4000, Some(4009), Never, "The member's data is larger than the limit. Send less.";
    RateLimited = 42900 "rate_limited" 429, 4100, Some(4301), Backoff, "Too many requests. Slow down and try again after retry_after.";
    ConnectionLimit = 42901 "connection_limit" 429, 4104, Some(4100), Backoff, "The app has reached its limit of connections.";
    ChannelsPerConnection = 42902 "channels_per_connection" 429, 4000, Some(4004), Never, "The connection has reached its limit of channels. Unsubscribe from some.";
    PresenceMembers = 42903 "presence_members" 429, 4106, Some(4100), Backoff, "The presence channel is full.";
    ClientEventRate = 42904 "client_event_rate" 429, 4100, Some(4301), Backoff, "Too many client events on this connection; this one was dropped.";
    PreauthBudget = 42905 "preauth_budget" 429, 4006, Some(4009), Never, "Too many bytes before authentication. Send connect first.";
    WatchlistTruncated = 42906 "watchlist_truncated" 429, 4000, Some(4302), Never, "The watchlist has more than 100 users; the first 100 are watched.";
    TooManyErrors = 42908 "too_many_errors" 429, 4108, Some(4100), Backoff, "The connection sent too many frames that had to be refused. Correct the client, then reconnect.";
    AddressLimit = 42909 "address_limit" 429, 4110, Some(4100), Backoff, "Too many connections or failed authentications from this network address. Try again after retry_after.";
    QuotaExceeded = 42911 "quota_exceeded" 429, 4004, Some(4301), Never, "The plan's messages of this month are used up. Take a larger plan, or wait until retry_after for the next month.";
    FanOutBehind = 42912 "fan_out_behind" 429, 4100, Some(4301), Backoff, "The app publishes faster than its subscribers can be sent it. Try again after retry_after.";
    SlowConsumer = 42907 "slow_consumer" 429, 4203, Some(4200), Now, "The connection took no data for too long and lost its place. Reconnect and resume.";

    // We cannot now.
    Internal = 50000 "internal" 500, 4101, Some(4100), Backoff, "Something went wrong on our side. Try again; give the request id to support.";
    Unavailable = 50300 "unavailable" 503, 4102, Some(4100), Backoff, "The service cannot do this right now. Try again after retry_after.";
    DirectoryStale = 50301 "directory_stale" 503, 4103, Some(4100), Backoff, "The key could not be checked because the configuration store is away. Try again.";
    Overloaded = 50302 "overloaded" 503, 4105, Some(4100), Backoff, "The server has too much to do. Try again after retry_after.";
    StoredNotConfirmed = 50303 "stored_not_confirmed" 503, 4102, None, Now, "The message is stored but its replication was not confirmed. Repeating it with the same id is safe.";
    ShuttingDown = 50304 "shutting_down" 503, 4200, Some(4200), Now, "This node is being replaced. Reconnect; nothing is lost.";

    // The connection.
    ProtocolVersion = 40050 "protocol_version" 400, 4007, Some(4007), Never, "This protocol version is not supported. Update the client library.";
    ProtocolMissing = 40051 "protocol_missing" 400, 4007, Some(4008), Never, "The protocol parameter is missing.";
    PongTimeout = 40800 "pong_timeout" 408, 4201, Some(4201), Now, "The client did not answer a ping in time.";
    RequestTimeout = 40801 "request_timeout" 408, 4109, None, Backoff, "The request's body did not arrive within 10 seconds. Send it faster, or less at once.";
    PositionLost = 41000 "position_lost" 410, 4200, Some(4200), Now, "Messages for this connection can no longer be delivered in order. Reconnect.";
    DisconnectedByServer = 41001 "disconnected" 410, 4011, Some(4009), Never, "The app's server closed this connection.";
}

impl ErrorCode {
    /// The credentials were wrong, and guessing on would look the same.
    #[must_use]
    pub const fn is_failed_authentication(self) -> bool {
        let info = self.info();
        info.http_status == 401 && !matches!(info.retry, Retry::FreshToken)
    }

    #[must_use]
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|code| code.info().name == name)
    }
}

/// A refusal as it goes to a user: a row of the table plus what is particular to this case. `detail` is a public sentence and
/// must never hold a secret, a token or another tenant's data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {detail}", .code.info().name)]
pub struct Refusal {
    pub code: ErrorCode,
    pub detail: String,
    pub limit: Option<LimitReached>,
    pub retry_after_ms: Option<u64>,
    /// The message that was stored although it is refused: a repeat takes this id.
    pub message_id: Option<MessageId>,
}

/// The limit that was reached: how much is allowed and how much it would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitReached {
    pub limit: u64,
    pub current: u64,
}

impl Refusal {
    /// With a sentence for this case.
    #[must_use]
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), limit: None, retry_after_ms: None, message_id: None }
    }

    /// With the table's own sentence.
    #[must_use]
    pub fn of(code: ErrorCode) -> Self {
        Self::new(code, code.info().text)
    }

    #[must_use]
    pub fn with_limit(mut self, limit: u64, current: u64) -> Self {
        self.limit = Some(LimitReached { limit, current });
        self
    }

    #[must_use]
    pub fn retry_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    #[must_use]
    pub fn stored_as(mut self, id: MessageId) -> Self {
        self.message_id = Some(id);
        self
    }

    #[must_use]
    pub fn retryable(&self) -> bool {
        !matches!(self.code.info().retry, Retry::Never)
    }
}

impl From<ErrorCode> for Refusal {
    fn from(code: ErrorCode) -> Self {
        Self::of(code)
    }
}

/// Where the page about an error is, relative to the documentation root.
#[must_use]
pub fn help_path(code: ErrorCode) -> String {
    format!("/docs/errors.md#{}", code.info().name)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn codes_and_names_are_unique_and_bands_agree_with_the_advice() {
        let (mut codes, mut names) = (HashSet::new(), HashSet::new());
        for row in ErrorCode::ALL.iter().map(|code| code.info()) {
            assert!(codes.insert(row.code), "code {} twice", row.code);
            assert!(names.insert(row.name), "name {} twice", row.name);
            let band = match row.close {
                4000..=4099 => Retry::Never,
                4100..=4199 => Retry::Backoff,
                4200..=4299 => Retry::Now,
                4400..=4499 => Retry::FreshToken,
                other => panic!("{}: close code {other} is in no band", row.name),
            };
            assert!(row.retry == band || row.http_status == 503, "{}: close code and advice disagree", row.name);
            assert!(row.text.ends_with('.') || row.text.ends_with(':'), "{}: the text is a sentence", row.name);
        }
    }

    #[test]
    fn wrong_credentials_are_a_failure_and_outdated_ones_are_not() {
        for wrong in [ErrorCode::UnknownKey, ErrorCode::TokenInvalid, ErrorCode::SignatureInvalid, ErrorCode::AuthTimeout] {
            assert!(wrong.is_failed_authentication(), "{wrong:?}");
        }
        for other in [ErrorCode::TokenExpired, ErrorCode::TokenRevoked, ErrorCode::NotAuthorised, ErrorCode::RateLimited] {
            assert!(!other.is_failed_authentication(), "{other:?}");
        }
    }

    #[test]
    fn pusher_clients_are_never_closed_with_a_code_that_strands_them() {
        for row in ErrorCode::ALL.iter().map(|code| code.info()) {
            if row.retry != Retry::Never && row.retry != Retry::FreshToken && row.code != 40112 {
                assert!(row.pusher.is_none_or(|code| code >= 4100), "{}", row.name);
            }
        }
    }
}

//! What kind of request it is, for metrics: few and fixed, whatever is in the path.

use http::Method;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    Events,
    BatchEvents,
    Publish,
    History,
    Channels,
    Control,
    Health,
    Files,
    Other,
}

impl Route {
    pub(crate) const ALL: [Self; 9] = [
        Self::Events,
        Self::BatchEvents,
        Self::Publish,
        Self::History,
        Self::Channels,
        Self::Control,
        Self::Health,
        Self::Files,
        Self::Other,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::BatchEvents => "batch_events",
            Self::Publish => "publish",
            Self::History => "history",
            Self::Channels => "channels",
            Self::Control => "control",
            Self::Health => "health",
            Self::Files => "files",
            Self::Other => "other",
        }
    }

    pub(crate) fn of(method: &Method, path: &str) -> Self {
        let mut parts = path.split('/').skip(1);
        match [parts.next(), parts.next(), parts.next(), parts.next()] {
            [Some("apps"), Some(_), Some("events"), None] => Self::Events,
            [Some("apps"), Some(_), Some("batch_events"), None] => Self::BatchEvents,
            [Some("apps"), Some(_), Some("channels"), _] => Self::Channels,
            [Some("apps"), Some(_), Some("users"), Some(_)] | [Some("users"), Some(_), Some("terminate_connections"), None] => {
                Self::Control
            }
            [Some("v1"), Some("channels"), Some(_), Some("messages")] if method == Method::POST => Self::Publish,
            [Some("v1"), Some("channels"), Some(_), Some("messages")] => Self::History,
            [Some("v1"), Some("apps" | "connections"), Some(_), Some(_)] => Self::Control,
            [Some("healthz" | "readyz"), None, ..] => Self::Health,
            [Some("docs" | "sdk"), Some(_), None, _] => Self::Files,
            _ => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_has_its_class_and_nonsense_has_one_too() {
        let cases = [
            ("/apps/1/events", Route::Events),
            ("/apps/1/batch_events", Route::BatchEvents),
            ("/apps/1/channels", Route::Channels),
            ("/apps/1/channels/presence-a/users", Route::Channels),
            ("/apps/1/users/ada/terminate_connections", Route::Control),
            ("/users/ada/terminate_connections", Route::Control),
            ("/v1/channels/a/messages", Route::Publish),
            ("/v1/apps/1/revocations", Route::Control),
            ("/v1/connections/x/disconnect", Route::Control),
            ("/healthz", Route::Health),
            ("/docs/errors.md", Route::Files),
            ("/sdk/peal.js", Route::Files),
            ("/", Route::Other),
            ("*", Route::Other),
            ("/apps/1/events/2", Route::Other),
        ];
        for (path, class) in cases {
            assert_eq!(Route::of(&Method::POST, path), class, "{path}");
        }
        assert_eq!(Route::of(&Method::GET, "/v1/channels/a/messages"), Route::History);
    }

    #[test]
    fn the_list_is_in_the_order_of_the_classes() {
        assert!(Route::ALL.iter().enumerate().all(|(at, route)| *route as usize == at));
    }
}

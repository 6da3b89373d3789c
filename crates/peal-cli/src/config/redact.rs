//! What may be shown of a secret setting: enough to recognise it, nothing that opens anything.

pub(super) const HIDDEN: &str = "***";

pub(super) fn redact(key: &str, value: &str) -> String {
    match key {
        "database_url" | "redis_url" => url(value),
        "seed_app" => match value.rsplit_once(':').map(|_| value.splitn(3, ':').take(2).collect::<Vec<_>>().join(":")) {
            Some(shown) => format!("{shown}:{HIDDEN}"),
            None => HIDDEN.to_owned(),
        },
        _ => HIDDEN.to_owned(),
    }
}

/// The password, wherever a Postgres or Redis URL may carry one.
fn url(value: &str) -> String {
    let Some((scheme, rest)) = value.split_once("://") else { return HIDDEN.to_owned() };
    let (main, query) = rest.split_once('?').map_or((rest, None), |(main, query)| (main, Some(query)));
    let (authority, path) = main.split_once('/').map_or((main, String::new()), |(authority, path)| (authority, format!("/{path}")));
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((name, _)) => format!("{name}:{HIDDEN}@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    let query = query.map(|query| query.split('&').map(parameter).collect::<Vec<_>>().join("&"));
    format!("{scheme}://{authority}{path}{}", query.map(|query| format!("?{query}")).unwrap_or_default())
}

fn parameter(pair: &str) -> String {
    match pair.split_once('=') {
        Some((name, _)) if name.to_ascii_lowercase().contains("password") => format!("{name}={HIDDEN}"),
        _ => pair.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_and_the_rest_is_shown() {
        for (key, value, shown) in [
            ("database_url", "postgres://peal:hunter2@db:5432/peal?sslmode=require", "postgres://peal:***@db:5432/peal?sslmode=require"),
            ("database_url", "postgres://db/peal?user=a&password=hunter2", "postgres://db/peal?user=a&password=***"),
            ("database_url", "postgres://peal:p@ss@db/peal", "postgres://peal:***@db/peal"),
            ("database_url", "hunter2", "***"),
            ("redis_url", "redis://:hunter2@cache", "redis://:***@cache"),
            ("seed_app", "1234:key:hunter2:with:colons", "1234:key:***"),
            ("seed_app", "hunter2", "***"),
            ("keyring", "k1:hunter2", "***"),
        ] {
            assert_eq!(redact(key, value), shown);
        }
    }
}

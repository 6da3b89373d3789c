//! Signatures agree with Pusher's documented examples, so that its server libraries work unchanged, and with ours.

use peal_core::signature::{
    NativeAuthorization, NativeRequest, PusherRequest, hmac_hex, pusher_channel_matches, pusher_user_text, secret_matches,
};
use peal_core::{ConnectionId, ErrorCode, KeySecret};
use secrecy::SecretString;

/// The credentials of Pusher's worked examples.
fn secret() -> KeySecret {
    SecretString::from("7ad3773142a6692b25b8").into()
}

const KEY: &str = "278d425bdf160c739803";
const SIGNED_AT: u64 = 1_353_088_179;
const BODY: &[u8] = br#"{"name":"foo","channels":["project-3"],"data":"{\"some\":\"data\"}"}"#;

fn query(changes: &[(&str, &str)]) -> Vec<(String, String)> {
    let example = [
        ("auth_key", KEY),
        ("auth_timestamp", "1353088179"),
        ("auth_version", "1.0"),
        ("body_md5", "ec365a775a4cd0599faeb73354201b6f"),
        ("auth_signature", "da454824c97ba181a32ccc17a72625ba02771f50b50e1e7430e47a1f3f457e6c"),
    ];
    let mut pairs: Vec<_> = example.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    for (key, value) in changes {
        pairs.retain(|(known, _)| known != key);
        if !value.is_empty() {
            pairs.push(((*key).to_owned(), (*value).to_owned()));
        }
    }
    pairs
}

fn verify(query: &[(String, String)], body: &[u8], now_s: u64) -> Result<(), ErrorCode> {
    let request = PusherRequest { method: "POST", path: "/apps/3/events", query, body };
    request.verify(&secret(), now_s).map_err(|refusal| refusal.code)
}

#[test]
fn pushers_rest_example_is_accepted() {
    assert_eq!(verify(&query(&[]), BODY, SIGNED_AT), Ok(()));
    let pairs = query(&[]);
    let request = PusherRequest { method: "POST", path: "/apps/3/events", query: &pairs, body: BODY };
    assert_eq!(
        request.signed_text(),
        "POST\n/apps/3/events\nauth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&body_md5=ec365a775a4cd0599faeb73354201b6f"
    );
}

#[test]
fn a_rest_signature_is_good_for_600_seconds_either_way() {
    assert_eq!(verify(&query(&[]), BODY, SIGNED_AT + 600), Ok(()));
    assert_eq!(verify(&query(&[]), BODY, SIGNED_AT - 600), Ok(()));
    assert_eq!(verify(&query(&[]), BODY, SIGNED_AT + 601), Err(ErrorCode::TimestampStale));
    assert_eq!(verify(&query(&[]), BODY, SIGNED_AT - 601), Err(ErrorCode::TimestampStale));
}

#[test]
fn a_changed_body_query_or_path_is_refused() {
    assert_eq!(verify(&query(&[]), b"{}", SIGNED_AT), Err(ErrorCode::BodyHashInvalid));
    assert_eq!(verify(&query(&[("body_md5", "")]), BODY, SIGNED_AT), Err(ErrorCode::CredentialsMissing));
    assert_eq!(verify(&query(&[("info", "user_count")]), BODY, SIGNED_AT), Err(ErrorCode::SignatureInvalid));
    assert_eq!(verify(&query(&[("auth_version", "2.0")]), BODY, SIGNED_AT), Err(ErrorCode::SignatureInvalid));
    assert_eq!(verify(&query(&[("auth_timestamp", "soon")]), BODY, SIGNED_AT), Err(ErrorCode::TimestampStale));
    let pairs = query(&[]);
    let elsewhere = PusherRequest { method: "POST", path: "/apps/4/events", query: &pairs, body: BODY };
    assert_eq!(elsewhere.verify(&secret(), SIGNED_AT).map_err(|refusal| refusal.code), Err(ErrorCode::SignatureInvalid));
    assert!(elsewhere.verify(&SecretString::from("another").into(), SIGNED_AT).is_err());
}

#[test]
fn a_missing_parameter_is_named() {
    for name in ["auth_version", "auth_timestamp", "auth_signature"] {
        let pairs = query(&[(name, "")]);
        let request = PusherRequest { method: "POST", path: "/apps/3/events", query: &pairs, body: BODY };
        let refusal = request.verify(&secret(), SIGNED_AT).expect_err(name);
        assert!(refusal.code == ErrorCode::CredentialsMissing && refusal.detail.contains(name), "{refusal}");
    }
}

#[test]
fn the_refusal_of_a_signature_shows_what_was_signed_but_no_secret() {
    let pairs = query(&[("auth_signature", "00")]);
    let request = PusherRequest { method: "POST", path: "/apps/3/events", query: &pairs, body: BODY };
    let refusal = request.verify(&secret(), SIGNED_AT).expect_err("a wrong signature");
    assert!(refusal.detail.contains("/apps/3/events") && !refusal.detail.contains("7ad3773142a6692b25b8"));
    assert!(!refusal.detail.contains("da454824c97ba181"), "the right signature would be a gift");
}

/// Python signs the MD5 of an empty body on GET; parameter names are lower-cased, values unescaped, pairs sorted by name.
#[test]
fn queries_are_signed_as_pushers_libraries_do() {
    let text = "GET\n/apps/3/channels\nauth_key=278d425bdf160c739803&auth_timestamp=1353088179&auth_version=1.0&\
                body_md5=d41d8cd98f00b204e9800998ecf8427e&filter_by_prefix=presence-&info=user_count,subscription_count";
    let signature = hmac_hex(&secret(), text.as_bytes());
    let pairs = query(&[
        ("Info", "user_count,subscription_count"),
        ("body_md5", "d41d8cd98f00b204e9800998ecf8427e"),
        ("filter_by_prefix", "presence-"),
        ("auth_signature", &signature),
    ]);
    let request = PusherRequest { method: "GET", path: "/apps/3/channels", query: &pairs, body: b"" };
    assert_eq!(request.signed_text(), text);
    assert_eq!(request.verify(&secret(), SIGNED_AT), Ok(()));
}

#[test]
fn pushers_channel_examples_are_accepted() {
    let connection = ConnectionId::from_socket_id("1234.1234").expect("a socket id");
    let private = "58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4";
    assert!(pusher_channel_matches(&secret(), connection, "private-foobar", None, private));
    assert!(pusher_channel_matches(&secret(), connection, "private-foobar", None, &private.to_uppercase()));
    let data = r#"{"user_id":10,"user_info":{"name":"Mr. Pusher"}}"#;
    let presence = "afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c";
    assert!(pusher_channel_matches(&secret(), connection, "presence-foobar", Some(data), presence));
    for (channel, data, auth) in [
        ("private-foobaz", None, private),
        ("private-foobar", Some(data), private),
        ("presence-foobar", None, presence),
        ("private-foobar", None, &private[..63]),
        ("private-foobar", None, ""),
        ("private-foobar", None, "nothex"),
    ] {
        assert!(!pusher_channel_matches(&secret(), connection, channel, data, auth), "{channel} {auth}");
    }
    let other = ConnectionId::from_socket_id("1234.1235").expect("a socket id");
    assert!(!pusher_channel_matches(&secret(), other, "private-foobar", None, private));
}

#[test]
fn signing_in_signs_another_text_than_any_channel() {
    let connection = ConnectionId::from_socket_id("1234.1234").expect("a socket id");
    assert_eq!(pusher_user_text(connection, r#"{"id":"1"}"#), r#"1234.1234::user::{"id":"1"}"#);
}

#[test]
fn a_native_signature_covers_method_path_query_body_and_time() {
    let request = |method, path, query, body| NativeRequest { method, path, query, body };
    let signed = request("POST", "/v1/channels/room.1/messages", "b=2&a=1", &b"{}"[..]);
    let text = "POST\n/v1/channels/room.1/messages\na=1&b=2\n44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\n1353088179";
    assert_eq!(signed.signed_text(SIGNED_AT), text);
    let header = signed.authorization(KEY, &secret(), SIGNED_AT);
    let parameters = header.strip_prefix("Peal-HMAC-SHA256 ").expect("the scheme");
    let authorization = NativeAuthorization::parse(parameters).expect("readable");
    assert_eq!((authorization.key_id, authorization.timestamp_s), (KEY, SIGNED_AT));
    assert_eq!(signed.verify(&secret(), &authorization, SIGNED_AT + 600), Ok(()));
    let code = |request: NativeRequest<'_>, now_s| request.verify(&secret(), &authorization, now_s).map_err(|refusal| refusal.code);
    assert_eq!(code(request("POST", signed.path, "a=1&b=2", b"{}"), SIGNED_AT), Ok(()), "the order of the query does not matter");
    assert_eq!(code(request("POST", signed.path, signed.query, b"{}"), SIGNED_AT + 601), Err(ErrorCode::TimestampStale));
    for changed in [
        request("GET", signed.path, signed.query, b"{}"),
        request("POST", "/v1/channels/room.2/messages", signed.query, b"{}"),
        request("POST", signed.path, "a=1&b=3", b"{}"),
        request("POST", signed.path, signed.query, b"[]"),
    ] {
        assert_eq!(code(changed, SIGNED_AT), Err(ErrorCode::SignatureInvalid));
    }
}

#[test]
fn an_unreadable_authorization_says_how_it_must_look() {
    for bad in ["", "key=a", "key=a, ts=x, sig=b", "ts=1, sig=b", "key=a; ts=1; sig=b"] {
        assert_eq!(NativeAuthorization::parse(bad).expect_err(bad).code, ErrorCode::CredentialsMissing);
    }
    assert!(NativeAuthorization::parse("sig=b,key=a,ts=1,later=x").is_ok(), "order and unknown parts do not matter");
}

#[test]
fn secrets_compare_whole() {
    assert!(secret_matches(&secret(), "7ad3773142a6692b25b8"));
    for wrong in ["", "7ad3773142a6692b25b", "7ad3773142a6692b25b88", "7AD3773142A6692B25B8"] {
        assert!(!secret_matches(&secret(), wrong));
    }
}

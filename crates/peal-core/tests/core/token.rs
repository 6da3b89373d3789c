//! A client token can only be what a live key of this app has signed, only for its time, and only narrow its key.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use peal_core::app::Revocations;
use peal_core::capability::Operations;
use peal_core::token::{self, Claims};
use peal_core::{
    App, AppId, Capabilities, ChannelName, ClientToken, Environment, ErrorCode, Features, Key, KeyId, KeyKind, Limits, Now, Operation,
    OrgId, Refusal, Rules,
};
use secrecy::SecretString;
use serde_json::value::RawValue;

const NOW_S: u64 = 1_790_000_000;

fn now() -> Now {
    Now { mono_ms: 5, wall_ms: NOW_S * 1_000 }
}

fn secret() -> SecretString {
    "a secret of forty-three characters, more or less".into()
}

fn key(id: &str, capabilities: Capabilities) -> Key {
    Key { id: key_id(id), kind: KeyKind::Standard, secret: secret().into(), capabilities, allowed_origins: Vec::new(), expires_at_ms: None }
}

fn key_id(id: &str) -> KeyId {
    id.parse().expect("a key id")
}

fn app() -> App {
    App {
        id: AppId::new(123_456_789).expect("in range"),
        org: OrgId(uuid::Uuid::nil()),
        name: "test".into(),
        environment: Environment::Development,
        paused: false,
        features: Features::default(),
        limits: Limits::default(),
        keys: vec![key("k1", Capabilities::all()), key("narrow", capabilities(&[("room.*", &[Operation::Subscribe])]))],
        rules: Rules::default(),
        revocations: Revocations::default(),
    }
}

fn capabilities(pairs: &[(&str, &[Operation])]) -> Capabilities {
    Capabilities::from_pairs(pairs.iter().map(|(pattern, ops)| (*pattern, Operations::of(ops)))).expect("valid patterns")
}

fn claims() -> Claims {
    Claims { sub: Some("ada".into()), exp: NOW_S + 60, iat: Some(NOW_S), jti: Some("t1".into()), ..Claims::default() }
}

fn mint(kid: &str, claims: &Claims) -> String {
    token::mint(&key_id(kid), &secret(), claims).expect("claims print")
}

fn verify(claims: &Claims) -> Result<ClientToken, Refusal> {
    token::verify(&app(), &mint("k1", claims), now())
}

fn refused(result: Result<ClientToken, Refusal>) -> ErrorCode {
    result.expect_err("a refusal").code
}

fn channel(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("a name")
}

/// A token with a header of one's own, signed with HS256 whatever the header says.
fn forged(header: &str) -> String {
    let body = URL_SAFE_NO_PAD.encode(serde_json::to_string(&claims()).expect("prints"));
    let signed = format!("{}.{body}", URL_SAFE_NO_PAD.encode(header));
    let mac = peal_core::signature::hmac_hex(&secret(), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hex::decode(mac).expect("hex")))
}

#[test]
fn a_good_token_says_who_and_until_when() {
    let info = RawValue::from_string(r#"{"name":"Ada"}"#.into()).expect("JSON");
    let token = verify(&Claims { info: Some(info), ..claims() }).expect("accepted");
    assert_eq!((token.client_id.as_deref(), token.token_id.as_deref()), (Some("ada"), Some("t1")));
    assert_eq!((token.expires_at_s, token.issued_at_s), (NOW_S + 60, Some(NOW_S)));
    assert_eq!((token.info.as_deref(), token.key, token.console), (Some(r#"{"name":"Ada"}"#), key_id("k1"), false));
    assert!(token::verify(&app(), &forged(r#"{"alg":"HS256","kid":"k1"}"#), now()).is_ok(), "the forger's own control");
}

#[test]
fn only_hs256_is_accepted() {
    let none = {
        let forged = forged(r#"{"alg":"none","kid":"k1"}"#);
        forged[..=forged.rfind('.').expect("two dots")].to_owned()
    };
    assert_eq!(refused(token::verify(&app(), &none, now())), ErrorCode::TokenInvalid);
    for alg in ["none", "None", "RS256", "HS384", "HS512", "ES256"] {
        let forged = forged(&format!(r#"{{"alg":"{alg}","kid":"k1"}}"#));
        assert_eq!(refused(token::verify(&app(), &forged, now())), ErrorCode::TokenInvalid, "{alg}");
        assert_eq!(token::key_id(&forged).expect_err(alg).code, ErrorCode::TokenInvalid);
    }
}

#[test]
fn nonsense_is_not_a_token() {
    let long = "a".repeat(10_000);
    for bad in ["", ".", "..", "a.b.c", "eyJhbGciOiJIUzI1NiJ9..", &long, &format!("{}x", mint("k1", &claims()))] {
        assert_eq!(refused(token::verify(&app(), bad, now())), ErrorCode::TokenInvalid, "{bad:.40}");
    }
    assert_eq!(refused(token::verify(&app(), &forged(r#"{"alg":"HS256"}"#), now())), ErrorCode::TokenInvalid, "no kid");
}

#[test]
fn a_key_that_is_not_of_this_app_or_not_the_signer_is_refused() {
    assert_eq!(refused(token::verify(&app(), &mint("foreign", &claims()), now())), ErrorCode::TokenInvalid);
    let other = token::mint(&key_id("k1"), &"another secret".into(), &claims()).expect("claims print");
    assert_eq!(refused(token::verify(&app(), &other, now())), ErrorCode::TokenInvalid);
}

#[test]
fn the_app_in_the_kid_must_be_the_app_of_the_key() {
    assert!(token::verify(&app(), &forged(r#"{"alg":"HS256","kid":"123456789.k1"}"#), now()).is_ok());
    let foreign = forged(r#"{"alg":"HS256","kid":"987654321.k1"}"#);
    assert_eq!(token::key_id(&foreign).as_deref(), Ok("k1"));
    assert_eq!(refused(token::verify(&app(), &foreign, now())), ErrorCode::TokenInvalid);
}

#[test]
fn an_expired_key_signs_nothing() {
    let mut app = app();
    app.keys[0].expires_at_ms = Some(now().wall_ms);
    assert_eq!(refused(token::verify(&app, &mint("k1", &claims()), now())), ErrorCode::TokenInvalid);
}

#[test]
fn a_token_is_dead_from_the_second_of_its_expiry() {
    assert!(verify(&Claims { exp: NOW_S + 1, ..claims() }).is_ok());
    assert_eq!(refused(verify(&Claims { exp: NOW_S, ..claims() })), ErrorCode::TokenExpired);
    let last_millisecond = Now { mono_ms: 0, wall_ms: (NOW_S + 60) * 1_000 - 1 };
    assert!(token::verify(&app(), &mint("k1", &claims()), last_millisecond).is_ok());
}

#[test]
fn a_token_lives_for_a_day_at_most_and_is_not_from_the_future() {
    assert!(verify(&Claims { exp: NOW_S + 86_400, ..claims() }).is_ok());
    assert_eq!(refused(verify(&Claims { exp: NOW_S + 86_401, ..claims() })), ErrorCode::TokenInvalid);
    assert_eq!(refused(verify(&Claims { exp: u64::MAX, ..claims() })), ErrorCode::TokenInvalid);
    for ahead in [30, 31] {
        let accepted = ahead == 30;
        assert_eq!(verify(&Claims { iat: Some(NOW_S + ahead), ..claims() }).is_ok(), accepted);
        assert_eq!(verify(&Claims { nbf: Some(NOW_S + ahead), ..claims() }).is_ok(), accepted);
    }
}

#[test]
fn a_token_without_expiry_or_with_unknown_operations_is_refused() {
    for body in [r#"{"sub":"ada"}"#, r#"{"exp":1790000060,"cap":{"*":["shout"]}}"#, r#"{"exp":-1}"#, "[]"] {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"k1"}"#), URL_SAFE_NO_PAD.encode(body));
        let mac = hex::decode(peal_core::signature::hmac_hex(&secret(), signed.as_bytes())).expect("hex");
        let token = format!("{signed}.{}", URL_SAFE_NO_PAD.encode(mac));
        assert_eq!(refused(token::verify(&app(), &token, now())), ErrorCode::TokenInvalid, "{body}");
    }
}

#[test]
fn deep_info_is_refused() {
    let nested = |depth: usize| RawValue::from_string(format!("{}{}", "[".repeat(depth), "]".repeat(depth))).expect("JSON");
    assert!(verify(&Claims { info: Some(nested(32)), ..claims() }).is_ok());
    assert_eq!(refused(verify(&Claims { info: Some(nested(33)), ..claims() })), ErrorCode::TokenInvalid);
}

#[test]
fn client_ids_have_1_to_128_characters() {
    for (sub, accepted) in [("", false), ("a", true), (&*"a".repeat(128), true), (&*"a".repeat(129), false)] {
        assert_eq!(verify(&Claims { sub: Some(sub.into()), ..claims() }).is_ok(), accepted);
    }
}

#[test]
fn each_way_of_revoking_works_and_spares_the_others() {
    let with = |revocations: Revocations| {
        let app = App { revocations, ..app() };
        token::verify(&app, &mint("k1", &claims()), now()).map(|_| ()).map_err(|refusal| refusal.code)
    };
    let dead = Err(ErrorCode::TokenRevoked);
    assert_eq!(with(Revocations { token_ids: vec!["t1".into()], ..Revocations::default() }), dead);
    assert_eq!(with(Revocations { token_ids: vec!["t2".into()], ..Revocations::default() }), Ok(()));
    assert_eq!(with(Revocations { keys: vec![key_id("k1")], ..Revocations::default() }), dead);
    assert_eq!(with(Revocations { keys: vec![key_id("narrow")], ..Revocations::default() }), Ok(()));
    assert_eq!(with(Revocations { clients: vec![("ada".into(), NOW_S + 1)], ..Revocations::default() }), dead);
    assert_eq!(with(Revocations { clients: vec![("ada".into(), NOW_S)], ..Revocations::default() }), Ok(()));
    assert_eq!(with(Revocations { clients: vec![("bob".into(), NOW_S + 1)], ..Revocations::default() }), Ok(()));
    assert_eq!(with(Revocations { issued_before: Some(NOW_S + 1), ..Revocations::default() }), dead);
    assert_eq!(with(Revocations { issued_before: Some(NOW_S), ..Revocations::default() }), Ok(()));
}

#[test]
fn without_issue_time_a_token_counts_as_old() {
    let app = App { revocations: Revocations { issued_before: Some(1), ..Revocations::default() }, ..app() };
    let result = token::verify(&app, &mint("k1", &Claims { iat: None, ..claims() }), now());
    assert_eq!(refused(result), ErrorCode::TokenRevoked);
}

#[test]
fn without_cap_a_token_only_subscribes_to_public_channels() {
    let token = verify(&claims()).expect("accepted");
    assert!(token.allows(Operation::Subscribe, &channel("room.1")));
    assert!(!token.allows(Operation::Subscribe, &channel("private-room.1")));
    for operation in [Operation::Publish, Operation::Presence, Operation::History, Operation::Inspect, Operation::Admin] {
        assert!(!token.allows(operation, &channel("room.1")), "{operation}");
    }
}

#[test]
fn a_token_only_narrows_its_key() {
    let greedy = Claims { cap: Some(Capabilities::all()), ..claims() };
    let token = token::verify(&app(), &mint("narrow", &greedy), now()).expect("accepted");
    assert!(token.allows(Operation::Subscribe, &channel("private-room.1")));
    assert!(!token.allows(Operation::Publish, &channel("room.1")));
    assert!(!token.allows(Operation::Subscribe, &channel("other")));
    let narrowed = Claims { cap: Some(capabilities(&[("room.1", &[Operation::Publish])])), ..claims() };
    let token = verify(&narrowed).expect("accepted");
    assert!(token.allows(Operation::Publish, &channel("room.1")));
    assert!(!token.allows(Operation::Subscribe, &channel("room.1")) && !token.allows(Operation::Publish, &channel("room.2")));
}

#[test]
fn a_channel_token_is_good_for_its_channel_alone() {
    let token = verify(&Claims { ch: Some("private-room.1".into()), ..claims() }).expect("accepted");
    assert!(token.allows(Operation::Subscribe, &channel("private-room.1")));
    assert!(!token.allows(Operation::Publish, &channel("private-room.1")));
    assert!(!token.allows(Operation::Subscribe, &channel("room.1")) && !token.allows(Operation::Subscribe, &channel("private-room.2")));
    let wide = Claims { ch: Some("private-room.1".into()), cap: Some(Capabilities::all()), ..claims() };
    let token = verify(&wide).expect("accepted");
    assert!(token.allows(Operation::Publish, &channel("private-room.1")) && !token.allows(Operation::Publish, &channel("room.2")));
    assert!(verify(&Claims { ch: Some("no such name!".into()), ..claims() }).is_err());
}

#[test]
fn only_the_console_key_makes_console_tokens() {
    let asking = Claims { cls: Some("console".into()), ..claims() };
    assert!(!verify(&asking).expect("accepted").console);
    let mut app = app();
    app.keys[0].kind = KeyKind::Console;
    assert!(token::verify(&app, &mint("k1", &asking), now()).expect("accepted").console);
    assert!(!token::verify(&app, &mint("k1", &claims()), now()).expect("accepted").console);
}

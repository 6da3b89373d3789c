//! The nesting bound counts what a parser would descend into, and never descends itself.

use peal_core::json::{DEPTH_MAX, depth_at_most};
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn the_bound_is_inclusive() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(depth_at_most(nested(DEPTH_MAX).as_bytes(), DEPTH_MAX));
    assert!(!depth_at_most(nested(DEPTH_MAX + 1).as_bytes(), DEPTH_MAX));
    assert!(depth_at_most(b"1", 0) && depth_at_most(b"{}", 1) && !depth_at_most(b"{}", 0));
}

#[test]
fn an_unclosed_flood_is_refused_at_once() {
    assert!(!depth_at_most(&vec![b'['; 10 << 20], DEPTH_MAX));
}

#[test]
fn brackets_in_strings_do_not_count_and_escapes_do_not_end_strings() {
    for text in [r#""[[[""#, r#""\"[[[""#, r#""\\\"[[[""#, r#"{"[":"{"}"#, r#"["\u005b["]"#] {
        assert!(depth_at_most(text.as_bytes(), 1), "{text}");
    }
    assert!(!depth_at_most(br#"["\\",[]]"#, 1));
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(fields) => 1 + fields.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let text = r#"["\\\[\]{}a]{0,6}"#;
    let leaf = prop_oneof![Just(Value::Null), text.prop_map(Value::from), any::<i32>().prop_map(Value::from)];
    leaf.prop_recursive(8, 64, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(text, inner, 0..4).prop_map(Value::from_iter),
        ]
    })
}

proptest! {
    #[test]
    fn it_agrees_with_the_depth_of_the_parsed_value(value in any_value(), pretty: bool) {
        let text = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.expect("prints");
        let depth = depth(&value);
        prop_assert!(depth_at_most(text.as_bytes(), depth));
        prop_assert!(depth == 0 || !depth_at_most(text.as_bytes(), depth - 1));
    }

    #[test]
    fn it_takes_any_bytes(bytes: Vec<u8>, max in 0_usize..4) {
        let _ = depth_at_most(&bytes, max);
        prop_assert!(depth_at_most(&bytes, bytes.len()));
    }
}

//! What the broker of one node promises beyond the trait: bounds, expiry, and eras over its lifetime.

use std::sync::Arc;

use peal_broker::{Broker, MemoryBroker, MemoryLimits};
use peal_core::exchange::{BrokerError, Continuity};
use peal_core::{Position, Retention, Topic};

use crate::support::*;

const DAY_MS: u64 = 24 * 3_600_000;

async fn start(inbox: Arc<Received>) -> MemoryBroker {
    MemoryBroker::new(inbox, StoppedClock::default().reader(), 0)
}

crate::contract::suite!(start);

struct Node {
    broker: MemoryBroker,
    clock: StoppedClock,
    inbox: Arc<Received>,
}

fn node(limits: MemoryLimits) -> Node {
    let (clock, inbox) = (StoppedClock::default(), Arc::new(Received::default()));
    let inbox_of_broker: Arc<Received> = Arc::clone(&inbox);
    Node { broker: MemoryBroker::with_limits(inbox_of_broker, clock.reader(), 0, limits), clock, inbox }
}

impl Node {
    async fn publish(&self, topic: &Topic, text: &str) -> Position {
        self.broker.publish(vec![publish(topic, text)]).await.remove(0).expect("accepted").position.expect("kept")
    }

    async fn resume(&self, topic: &Topic, after: Position) -> (Continuity, usize) {
        let page = self.broker.history(everything_after(topic, Some(after))).await.expect("read");
        (page.continuity, page.publications.len())
    }
}

#[tokio::test]
async fn detaching_ends_delivery_and_nothing_is_in_flight() {
    let node = node(MemoryLimits::default());
    let topic = fresh_topic();
    node.broker.attach(vec![topic.clone()]).await.expect("attached");
    node.publish(&topic, "a").await;
    node.broker.detach(vec![topic.clone()]).await;
    node.publish(&topic, "b").await;
    assert_eq!(node.inbox.take().len(), 1);
}

#[tokio::test]
async fn a_message_expires_at_its_time_and_not_before() {
    let node = node(MemoryLimits::default());
    let topic = fresh_topic();
    let first = node.publish(&topic, "a").await;
    node.clock.advance(Retention::FLOOR.ttl_ms - 1);
    let second = node.publish(&topic, "b").await;
    let before = Position::new(first.era, 0);
    assert_eq!(node.resume(&topic, before).await, (Continuity::Complete, 2));
    node.clock.advance(1);
    assert_eq!(node.resume(&topic, before).await, (Continuity::Trimmed { kept_after: first }, 1));
    assert_eq!(node.resume(&topic, first).await, (Continuity::Complete, 1));
    node.clock.advance(Retention::FLOOR.ttl_ms);
    assert_eq!(node.resume(&topic, first).await, (Continuity::Trimmed { kept_after: second }, 0));
    assert_eq!(node.resume(&topic, second).await, (Continuity::Complete, 0));
}

#[tokio::test]
async fn an_id_is_remembered_for_two_minutes() {
    let node = node(MemoryLimits::default());
    let topic = fresh_topic();
    let repeat = async || node.broker.publish(vec![idempotent(&topic, "x")]).await.remove(0).expect("accepted").duplicate;
    assert!(!repeat().await);
    node.clock.advance(119_999);
    assert!(repeat().await);
    node.clock.advance(1);
    assert!(!repeat().await);
}

#[tokio::test]
async fn a_quiet_channel_goes_on_in_its_era_for_a_day_and_then_begins_a_new_one() {
    let node = node(MemoryLimits::default());
    let topic = fresh_topic();
    let first = node.publish(&topic, "a").await;
    node.clock.advance(Retention::FLOOR.ttl_ms);
    assert_eq!(node.resume(&topic, first).await, (Continuity::Complete, 0));
    node.clock.advance(DAY_MS - 1);
    assert!(node.publish(&topic, "b").await.follows(first));

    node.clock.advance(Retention::FLOOR.ttl_ms);
    node.resume(&topic, first).await;
    node.clock.advance(DAY_MS);
    let head = Position::new(node.broker.next_era(), 0);
    assert_eq!(node.resume(&topic, first).await, (Continuity::EraLost { kept_after: head }, 0));
    let begun = node.publish(&topic, "c").await;
    assert!(begun.era > first.era && begun.seq == 1);
    assert_eq!(node.resume(&topic, first).await, (Continuity::EraLost { kept_after: Position::new(begun.era, 0) }, 1));
    assert_eq!(node.resume(&topic, head).await, (Continuity::Complete, 1));
}

#[tokio::test]
async fn an_empty_position_from_before_a_lost_era_is_not_called_complete() {
    let node = node(MemoryLimits::default());
    let topic = fresh_topic();
    let empty = node.broker.attach(vec![topic.clone()]).await.expect("attached")[0];
    node.broker.detach(vec![topic.clone()]).await;
    node.publish(&topic, "missed").await;
    node.clock.advance(Retention::FLOOR.ttl_ms);
    node.resume(&topic, empty).await;
    node.clock.advance(DAY_MS);
    assert!(matches!(node.resume(&topic, empty).await, (Continuity::EraLost { .. }, 0)));
    node.publish(&topic, "seen").await;
    assert!(matches!(node.resume(&topic, empty).await, (Continuity::EraLost { .. }, 1)), "the first era's message is lost");
}

#[tokio::test]
async fn an_attached_topic_keeps_its_era_however_long_it_is_quiet() {
    let node = node(MemoryLimits { quiet_topics_max: 0, ..MemoryLimits::default() });
    let topic = fresh_topic();
    node.broker.attach(vec![topic.clone()]).await.expect("attached");
    let mut last = node.publish(&topic, "a").await;
    for text in ["b", "c"] {
        node.clock.advance(2 * DAY_MS);
        let next = node.publish(&topic, text).await;
        assert!(next.follows(last));
        last = next;
    }
    node.clock.advance(2 * DAY_MS);
    node.broker.detach(vec![topic.clone()]).await;
    assert_eq!(node.publish(&topic, "d").await.seq, 1, "no room for a quiet topic: the era ended with the detach");
}

#[tokio::test]
async fn more_quiet_topics_than_allowed_end_the_longest_quiet_era() {
    let node = node(MemoryLimits { quiet_topics_max: 2, ..MemoryLimits::default() });
    let topics = [fresh_topic(), fresh_topic(), fresh_topic()];
    let mut firsts = Vec::new();
    for topic in &topics {
        firsts.push(node.publish(topic, "a").await);
        node.clock.advance(1);
    }
    node.clock.advance(Retention::FLOOR.ttl_ms);
    node.resume(&fresh_topic(), firsts[0]).await;
    assert!(matches!(node.resume(&topics[0], firsts[0]).await, (Continuity::EraLost { .. }, 0)));
    for n in [1, 2] {
        assert_eq!(node.resume(&topics[n], firsts[n]).await, (Continuity::Complete, 0));
    }
}

#[tokio::test]
async fn attached_topics_take_no_room_from_quiet_ones() {
    let node = node(MemoryLimits { quiet_topics_max: 1, ..MemoryLimits::default() });
    let (quiet, attached) = (fresh_topic(), fresh_topic());
    let first = node.publish(&quiet, "a").await;
    node.clock.advance(1);
    node.broker.attach(vec![attached.clone()]).await.expect("attached");
    node.publish(&attached, "a").await;
    node.clock.advance(Retention::FLOOR.ttl_ms);
    node.resume(&attached, first).await;
    assert_eq!(node.resume(&quiet, first).await, (Continuity::Complete, 0));
}

#[tokio::test]
async fn the_oldest_messages_make_room_whatever_their_topic() {
    let node = node(MemoryLimits { history_bytes_max: 2_000, ..MemoryLimits::default() });
    let (old, new) = (fresh_topic(), fresh_topic());
    let first = node.publish(&old, "a").await;
    let mut firsts = Vec::new();
    for n in 0..4 {
        firsts.push(node.publish(&new, &format!("n{n}")).await);
    }
    assert_eq!(node.resume(&old, Position::new(first.era, 0)).await, (Continuity::Trimmed { kept_after: first }, 0));
    assert_eq!(node.resume(&new, Position::new(firsts[0].era, 0)).await, (Continuity::Complete, 4));
    assert!(node.publish(&old, "b").await.follows(first));
}

#[tokio::test]
async fn one_apps_flood_does_not_touch_what_another_keeps() {
    let node = node(MemoryLimits { history_bytes_max: 4_000, app_history_bytes_max: 4_000, ..MemoryLimits::default() });
    let (quiet, attached) = (fresh_topic_of(2), fresh_topic_of(2));
    node.broker.attach(vec![attached.clone()]).await.expect("attached");
    let first = node.publish(&quiet, "a").await;
    let other = node.publish(&attached, "a").await;
    let flood: Vec<Topic> = (0..20).map(|_| fresh_topic_of(1)).collect();
    for n in 0..200 {
        node.publish(&flood[n % flood.len()], &format!("f{n}")).await;
    }
    assert_eq!(node.resume(&quiet, Position::new(first.era, 0)).await, (Continuity::Complete, 1));
    assert_eq!(node.resume(&attached, Position::new(other.era, 0)).await, (Continuity::Complete, 1));
    // What the flood holds goes to whoever needs it, until both hold the same.
    for n in 0..3 {
        node.publish(&quiet, &format!("q{n}")).await;
    }
    assert_eq!(node.resume(&quiet, Position::new(first.era, 0)).await, (Continuity::Complete, 4));
}

#[tokio::test]
async fn an_app_alone_holds_no_more_than_an_app_may() {
    let node = node(MemoryLimits { app_history_bytes_max: 2_000, ..MemoryLimits::default() });
    let (topic, other) = (fresh_topic_of(1), fresh_topic_of(2));
    let first = node.publish(&topic, "a").await;
    let elsewhere = node.publish(&other, "a").await;
    for n in 0..10 {
        node.publish(&topic, &format!("n{n}")).await;
    }
    let (continuity, kept) = node.resume(&topic, first).await;
    assert!(matches!(continuity, Continuity::Trimmed { .. }) && (1..10).contains(&kept), "{continuity:?} {kept}");
    assert_eq!(node.resume(&other, Position::new(elsewhere.era, 0)).await, (Continuity::Complete, 1));
    node.clock.advance(Retention::FLOOR.ttl_ms);
    let last = node.publish(&topic, "b").await;
    assert_eq!(node.resume(&topic, Position::new(last.era, last.seq - 1)).await, (Continuity::Complete, 1));
}

proptest::proptest! {
    /// Whatever several apps publish, one that stays within its fair share of the pool keeps everything.
    #[test]
    fn within_its_fair_share_an_app_keeps_everything(steps in proptest::collection::vec((1_i64..=3, 0_usize..4, 0_usize..60), 1..200)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let node = node(MemoryLimits { history_bytes_max: 8_000, app_history_bytes_max: 8_000, ..MemoryLimits::default() });
            let modest = fresh_topic_of(9);
            let first = node.publish(&modest, "m0").await;
            let topics: Vec<Vec<Topic>> = (1..=3).map(|app| (0..4).map(|_| fresh_topic_of(app)).collect()).collect();
            for (n, (app, topic, length)) in steps.iter().enumerate() {
                node.publish(&topics[*app as usize - 1][*topic], &format!("x{n}{}", "y".repeat(*length))).await;
                if n == 50 {
                    node.publish(&modest, "m1").await;
                }
            }
            // At most 1,000 bytes of a fair share of 2,000, less what the largest may add at once.
            let kept = node.resume(&modest, Position::new(first.era, 0)).await;
            assert_eq!(kept, (Continuity::Complete, if steps.len() > 50 { 2 } else { 1 }));
        });
    }
}

#[tokio::test]
async fn a_publish_is_refused_rather_than_its_id_forgotten() {
    let node = node(MemoryLimits { message_ids_max: 1, ..MemoryLimits::default() });
    let topic = fresh_topic();
    let attempt = async |text| node.broker.publish(vec![idempotent(&topic, text)]).await.remove(0);
    assert!(attempt("x").await.is_ok());
    assert!(matches!(attempt("y").await, Err(BrokerError::Away(_))));
    assert!(attempt("x").await.expect("a repeat needs no room").duplicate);
    node.clock.advance(120_000);
    assert!(attempt("y").await.is_ok());
}

#[tokio::test]
async fn eras_of_a_later_run_are_above_those_of_an_earlier_one() {
    let clock = StoppedClock::default();
    let run = |seed| MemoryBroker::new(Arc::new(Received::default()), clock.reader(), seed);
    let topic = fresh_topic();
    let first = run(0);
    let empty = first.attach(vec![topic.clone()]).await.expect("attached")[0];
    let old = first.publish(vec![publish(&topic, "a")]).await.remove(0).expect("accepted").position.expect("kept");
    let second = run(first.next_era());
    for position in [empty, old] {
        let page = second.history(everything_after(&topic, Some(position))).await.expect("read");
        assert!(matches!(page.continuity, Continuity::EraLost { .. }), "{position}");
    }
    let new = second.publish(vec![publish(&topic, "a")]).await.remove(0).expect("accepted").position.expect("kept");
    assert!(new.era > old.era && new.era < 1 << 53);
}

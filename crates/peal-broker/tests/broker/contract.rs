//! The promises of the `Broker` trait, for any implementation. Each takes a broker and the inbox that it was made with.

use std::sync::Arc;

use peal_broker::Broker;
use peal_core::exchange::{BrokerError, Continuity, Direction, HistoryQuery, PresenceUpdate};
use peal_core::publication::EraStart;
use peal_core::{Position, PresenceChange, PresenceOp, PublicationKind, Topic};

use crate::support::*;

/// Declares one test per promise. `$start` is an async function from `Arc<Received>` to a broker.
macro_rules! suite {
    ($start:path: $($promise:ident)*) => {$(
        #[tokio::test]
        async fn $promise() {
            let inbox = std::sync::Arc::new(crate::support::Received::default());
            let broker = std::sync::Arc::new($start(std::sync::Arc::clone(&inbox)).await);
            crate::contract::$promise(broker, inbox).await;
        }
    )*};
    ($start:path) => {
        crate::contract::suite!($start:
            positions_are_dense_and_deliveries_carry_them
            everything_after_the_attached_head_is_delivered
            what_is_not_attached_is_not_delivered
            a_repeated_id_answers_the_first_result_and_delivers_nothing
            a_batch_holds_its_order_and_its_own_repeats
            ephemeral_publications_are_ordered_but_not_kept
            concurrent_publishers_never_share_a_position
            history_respects_its_bounds_in_both_directions
            continuity_is_complete_where_nothing_is_missing
            a_position_beyond_the_head_is_unknown
            resuming_an_empty_topic_is_complete_before_and_after_its_first_message
            what_the_retention_dropped_is_said_to_be_trimmed
            presence_changes_are_publications_with_first_and_last
            presence_members_agree_with_the_changes_after_their_head
            a_full_presence_channel_refuses_only_new_users
        );
    };
}
pub(crate) use suite;

async fn publish_texts(broker: &impl Broker, topic: &Topic, texts: &[&str]) -> Vec<Position> {
    let results = broker.publish(texts.iter().map(|text| publish(topic, text)).collect()).await;
    results.into_iter().map(|result| result.expect("accepted").position.expect("kept")).collect()
}

async fn attach(broker: &impl Broker, topic: &Topic) -> Position {
    broker.attach(vec![topic.clone()]).await.expect("attached")[0]
}

async fn ids(broker: &impl Broker, query: HistoryQuery) -> (Vec<String>, bool) {
    let page = broker.history(query).await.expect("read");
    (page.publications.iter().map(|publication| publication.id.to_string()).collect(), page.more)
}

pub(crate) async fn positions_are_dense_and_deliveries_carry_them(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    let topic = fresh_topic();
    attach(&*broker, &topic).await;
    let positions = publish_texts(&*broker, &topic, &["a", "b", "c"]).await;
    assert_eq!(positions.iter().map(|position| position.seq).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(positions.iter().all(|position| position.era == positions[0].era));
    let mut ts = 0;
    for (n, position) in positions.iter().enumerate() {
        let delivery = inbox.next().await;
        assert_eq!((delivery.topic, delivery.publication.position), (topic.clone(), Some(*position)));
        assert_eq!(delivery.publication.era_start, (n == 0).then_some(EraStart { tail: None }));
        assert!(delivery.publication.ts >= ts);
        ts = delivery.publication.ts;
    }
}

pub(crate) async fn everything_after_the_attached_head_is_delivered(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    let topic = fresh_topic();
    let last = *publish_texts(&*broker, &topic, &["a", "b"]).await.last().expect("two");
    assert_eq!(attach(&*broker, &topic).await, last);
    assert_eq!(attach(&*broker, &topic).await, last, "attaching twice is harmless");
    publish_texts(&*broker, &topic, &["c", "d"]).await;
    assert_eq!([inbox.next_id().await, inbox.next_id().await], ["c", "d"], "each once");
}

pub(crate) async fn what_is_not_attached_is_not_delivered(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    let (silent, heard) = (fresh_topic(), fresh_topic());
    attach(&*broker, &heard).await;
    broker.detach(vec![silent.clone()]).await;
    publish_texts(&*broker, &silent, &["unheard"]).await;
    publish_texts(&*broker, &heard, &["heard"]).await;
    assert_eq!(inbox.next_id().await, "heard");
}

pub(crate) async fn a_repeated_id_answers_the_first_result_and_delivers_nothing(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    let (topic, other) = (fresh_topic(), fresh_topic());
    attach(&*broker, &topic).await;
    let once = async |publish| broker.publish(vec![publish]).await.remove(0).expect("accepted");
    let first = once(idempotent(&topic, "x")).await;
    let again = once(idempotent(&topic, "x")).await;
    assert!(!first.duplicate && again.duplicate);
    assert_eq!((again.id, again.position), (first.id, first.position));
    assert!(!once(idempotent(&other, "x")).await.duplicate, "another topic, another message");
    publish_texts(&*broker, &topic, &["y"]).await;
    assert_eq!([inbox.next_id().await, inbox.next_id().await], ["x", "y"]);
}

pub(crate) async fn a_batch_holds_its_order_and_its_own_repeats(broker: Arc<impl Broker>, _inbox: Arc<Received>) {
    let topic = fresh_topic();
    let batch = vec![idempotent(&topic, "a"), publish(&topic, "b"), idempotent(&topic, "a"), publish(&topic, "c")];
    let results: Vec<_> = broker.publish(batch).await.into_iter().map(|result| result.expect("accepted")).collect();
    assert_eq!(results.iter().map(|result| result.duplicate).collect::<Vec<_>>(), [false, false, true, false]);
    assert_eq!(results[2].position, results[0].position);
    assert_eq!(ids(&*broker, everything_after(&topic, None)).await.0, ["a", "b", "c"]);
}

pub(crate) async fn ephemeral_publications_are_ordered_but_not_kept(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    let topic = fresh_topic();
    attach(&*broker, &topic).await;
    let results = broker.publish(vec![publish(&topic, "a"), ephemeral(&topic, "b"), publish(&topic, "c")]).await;
    let positions: Vec<_> = results.into_iter().map(|result| result.expect("accepted").position).collect();
    assert_eq!(positions[1], None);
    assert!(positions[2].expect("kept").follows(positions[0].expect("kept")));
    assert_eq!([inbox.next_id().await, inbox.next_id().await, inbox.next_id().await], ["a", "b", "c"]);
    assert_eq!(ids(&*broker, everything_after(&topic, None)).await.0, ["a", "c"]);
}

pub(crate) async fn concurrent_publishers_never_share_a_position(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    let topic = fresh_topic();
    attach(&*broker, &topic).await;
    let mut publishers = tokio::task::JoinSet::new();
    for publisher in 0..8 {
        let (broker, topic) = (Arc::clone(&broker), topic.clone());
        publishers.spawn(async move {
            let texts: Vec<_> = (0..10).map(|n| format!("{publisher}.{n}")).collect();
            let mut positions = Vec::new();
            for text in &texts {
                positions.extend(publish_texts(&*broker, &topic, &[text]).await);
            }
            assert!(positions.is_sorted(), "one publisher's messages keep their order");
            positions
        });
    }
    let mut positions: Vec<_> = publishers.join_all().await.concat();
    positions.sort_unstable();
    assert!(positions.windows(2).all(|pair| pair[1].follows(pair[0])));
    for position in positions {
        assert_eq!(inbox.next().await.publication.position, Some(position));
    }
}

pub(crate) async fn history_respects_its_bounds_in_both_directions(broker: Arc<impl Broker>, _inbox: Arc<Received>) {
    let topic = fresh_topic();
    let at = publish_texts(&*broker, &topic, &["a", "b", "c", "d", "e"]).await;
    let read = |after, before, direction, limit| {
        ids(&*broker, HistoryQuery { topic: topic.clone(), after, before, since_ms: None, direction, limit })
    };
    use Direction::{Backwards, Forwards};
    let page = |texts: &[&str], more| (texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>(), more);
    assert_eq!(read(None, None, Forwards, 1_000).await, page(&["a", "b", "c", "d", "e"], false));
    assert_eq!(read(None, None, Forwards, 2).await, page(&["a", "b"], true));
    assert_eq!(read(None, None, Backwards, 2).await, page(&["e", "d"], true));
    assert_eq!(read(Some(at[0]), Some(at[4]), Forwards, 3).await, page(&["b", "c", "d"], false));
    assert_eq!(read(Some(at[0]), Some(at[4]), Backwards, 2).await, page(&["d", "c"], true));
    assert_eq!(read(None, Some(at[0]), Backwards, 10).await, page(&[], false));
    assert_eq!(read(Some(at[4]), None, Forwards, 10).await, page(&[], false));
    assert_eq!(read(Some(at[3]), Some(at[1]), Forwards, 10).await, page(&[], false), "crossed bounds hold nothing");
    let future = HistoryQuery { since_ms: Some(u64::MAX >> 11), ..everything_after(&topic, None) };
    assert_eq!(ids(&*broker, future).await, page(&[], false));
}

pub(crate) async fn continuity_is_complete_where_nothing_is_missing(broker: Arc<impl Broker>, _inbox: Arc<Received>) {
    let topic = fresh_topic();
    let at = publish_texts(&*broker, &topic, &["a", "b", "c"]).await;
    for (n, position) in at.iter().enumerate() {
        let page = broker.history(everything_after(&topic, Some(*position))).await.expect("read");
        assert_eq!((page.continuity, page.publications.len(), page.head), (Continuity::Complete, 2 - n, at[2]));
    }
}

pub(crate) async fn a_position_beyond_the_head_is_unknown(broker: Arc<impl Broker>, _inbox: Arc<Received>) {
    let topic = fresh_topic();
    let head = *publish_texts(&*broker, &topic, &["a", "b"]).await.last().expect("two");
    let page = broker.history(everything_after(&topic, Some(head.next()))).await.expect("read");
    assert_eq!(page.continuity, Continuity::Unknown);
    assert_eq!(page.publications.len(), 2, "what is kept is replayed");
}

pub(crate) async fn resuming_an_empty_topic_is_complete_before_and_after_its_first_message(
    broker: Arc<impl Broker>,
    _inbox: Arc<Received>,
) {
    let topic = fresh_topic();
    let empty = attach(&*broker, &topic).await;
    assert_eq!(empty.seq, 0);
    // Another topic's era begins in between.
    publish_texts(&*broker, &fresh_topic(), &["elsewhere"]).await;
    let page = broker.history(everything_after(&topic, Some(empty))).await.expect("read");
    assert_eq!((page.continuity, page.publications.len()), (Continuity::Complete, 0));
    publish_texts(&*broker, &topic, &["a"]).await;
    let page = broker.history(everything_after(&topic, Some(empty))).await.expect("read");
    assert_eq!((page.continuity, page.publications.len()), (Continuity::Complete, 1));
}

/// The count is a floor: a broker may keep somewhat more.
pub(crate) async fn what_the_retention_dropped_is_said_to_be_trimmed(broker: Arc<impl Broker>, _inbox: Arc<Received>) {
    let topic = fresh_topic();
    let mut first = None;
    for n in 0..1_000 {
        let position = publish_texts(&*broker, &topic, &[&format!("m{n}")]).await[0];
        first.get_or_insert(position);
    }
    let page = broker.history(everything_after(&topic, first)).await.expect("read");
    let Continuity::Trimmed { kept_after } = page.continuity else { panic!("{:?}", page.continuity) };
    assert!(page.publications.len() >= 100 && page.publications.len() < 900);
    assert_eq!(page.publications[0].position, Some(kept_after.next()));
    assert_eq!(page.publications.last().expect("some").position, Some(page.head));
}

async fn change(broker: &impl Broker, inbox: &Received, update: PresenceUpdate) -> PresenceChange {
    let position = broker.presence_update(update.clone()).await.expect("accepted");
    let publication = inbox.next().await.publication;
    assert_eq!(publication.position, Some(position.expect("a change")));
    assert_eq!(publication.origin, Some(update.member.connection));
    match &publication.kind {
        PublicationKind::Presence(change) => change.clone(),
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn presence_changes_are_publications_with_first_and_last(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    use PresenceOp::{Enter, Leave, Update};
    let topic = fresh_presence();
    attach(&*broker, &topic).await;
    assert_eq!(broker.presence_update(presence(&topic, Leave, "ada", 1, "1")).await, Ok(None), "nobody is there");
    let steps = [
        (presence(&topic, Enter, "ada", 1, "1"), (Enter, true, false)),
        (presence(&topic, Enter, "ada", 2, "2"), (Enter, false, false)),
        (presence(&topic, Enter, "ada", 2, "3"), (Update, false, false)),
        (presence(&topic, Update, "ada", 1, "4"), (Update, false, false)),
        (presence(&topic, Leave, "ada", 1, ""), (Leave, false, false)),
        (presence(&topic, Leave, "ada", 2, ""), (Leave, false, true)),
        (presence(&topic, Enter, "ada", 1, "5"), (Enter, true, false)),
    ];
    for (update, (op, first, last)) in steps {
        let change = change(&*broker, &inbox, update.clone()).await;
        assert_eq!((change.op, change.first, change.last), (op, first, last), "{update:?}");
        assert_eq!((&change.member.user, change.member.connection), (&update.member.user, update.member.connection));
    }
}

pub(crate) async fn presence_members_agree_with_the_changes_after_their_head(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    use PresenceOp::{Enter, Leave};
    let topic = fresh_presence();
    let empty = attach(&*broker, &topic).await;
    assert_eq!(broker.presence_members(topic.clone()).await.expect("read").head, empty);
    for (op, user, slot) in [(Enter, "ada", 1), (Enter, "bob", 2), (Enter, "cyd", 3), (Leave, "bob", 2)] {
        change(&*broker, &inbox, presence(&topic, op, user, slot, user)).await;
    }
    let members = broker.presence_members(topic.clone()).await.expect("read");
    let users: Vec<_> = members.members.iter().map(|member| (&*member.user, member.data.as_deref())).collect();
    assert_eq!(users, [("ada", Some("ada")), ("cyd", Some("cyd"))], "in order of entering");
    let later = broker.presence_update(presence(&topic, Leave, "cyd", 3, "")).await.expect("accepted").expect("a change");
    assert!(later.follows(members.head));
    let messages = Topic::messages(topic.app, topic.channel().expect("a lane of a channel").clone());
    assert_eq!(ids(&*broker, everything_after(&messages, None)).await.0, Vec::<String>::new(), "lanes are apart");
}

pub(crate) async fn a_full_presence_channel_refuses_only_new_users(broker: Arc<impl Broker>, inbox: Arc<Received>) {
    let topic = fresh_presence();
    attach(&*broker, &topic).await;
    let enter = |user, slot| PresenceUpdate { users_max: Some(1), ..presence(&topic, PresenceOp::Enter, user, slot, "1") };
    change(&*broker, &inbox, enter("ada", 1)).await;
    assert_eq!(broker.presence_update(enter("bob", 2)).await, Err(BrokerError::PresenceFull { users_max: 1 }));
    assert!(!change(&*broker, &inbox, enter("ada", 3)).await.first);
    assert_eq!(broker.presence_members(topic).await.expect("read").members.len(), 2);
}

//! How many subscribe to a channel, told to its Pusher subscribers where the app wants it.

use peal_core::usage::Metric;
use peal_core::{App, AppId, Topic};
use peal_hub::Handle;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;

use crate::cores::Cores;
use crate::rig::*;

fn counting() -> App {
    let mut app = app();
    app.features.subscription_count = true;
    app
}

/// The numbers that a client was told, and nothing else.
fn counts(rig: &mut Rig, handle: Handle) -> Vec<u64> {
    let told = rig.jsons(handle).into_iter().map(|frame| {
        assert_eq!(frame["event"], "pusher_internal:subscription_count", "{frame}");
        let data: Value = serde_json::from_str(frame["data"].as_str().expect("a string")).expect("JSON");
        data["subscription_count"].as_u64().expect("a number")
    });
    told.collect()
}

fn join(rig: &mut Rig, name: &str) -> Handle {
    let handle = rig.pusher();
    rig.pusher_subscribe(handle, name);
    assert_eq!(rig.next_event(handle), "pusher_internal:subscription_succeeded");
    handle
}

#[test]
fn everybody_is_told_of_every_join_and_leave() {
    let mut rig = Rig::with(Default::default(), counting());
    let ada = join(&mut rig, "news");
    rig.nothing(ada);
    rig.after(1_000);
    assert_eq!(counts(&mut rig, ada), [1]);
    let bob = join(&mut rig, "news");
    rig.after(1_000);
    let eve = rig.native("eve");
    rig.native_subscribe(eve, "news");
    rig.after(1_000);
    assert_eq!((counts(&mut rig, ada), counts(&mut rig, bob)), (vec![2, 3], vec![2, 3]));
    rig.nothing(eve);
    rig.send(bob, serde_json::json!({"event": "pusher:unsubscribe", "data": {"channel": "news"}}));
    rig.cut(eve);
    rig.after(1_000);
    assert_eq!(counts(&mut rig, ada), [1]);
    rig.nothing(bob);
    rig.assert_empty();
}

#[test]
fn one_who_takes_the_place_of_another_is_told_too() {
    let mut rig = Rig::with(Default::default(), counting());
    let (ada, bob) = (join(&mut rig, "news"), join(&mut rig, "news"));
    rig.after(1_000);
    rig.cut(bob);
    let eve = join(&mut rig, "news");
    rig.after(1_000);
    assert_eq!(counts(&mut rig, ada).last(), Some(&2));
    assert_eq!(counts(&mut rig, eve), [2]);
    rig.assert_empty();
}

#[test]
fn members_are_not_subscriptions_and_a_user_s_own_channel_is_nobody_s_business() {
    let mut rig = Rig::with(Default::default(), counting());
    let ada = rig.pusher();
    rig.pusher_enter(ada, "presence-room", "ada");
    assert_eq!(rig.events(ada), ["pusher_internal:subscription_succeeded"]);
    rig.after(1_000);
    rig.nothing(ada);
    rig.assert_empty();
}

#[test]
fn where_the_switch_is_off_it_costs_nothing() {
    let (mut on, mut off) = (Rig::with(Default::default(), counting()), Rig::new());
    for rig in [&mut on, &mut off] {
        let ada = rig.pusher();
        let before = rig.hub.counts();
        rig.pusher_subscribe(ada, "news");
        let with = rig.hub.counts();
        rig.after(1_000);
        let told = rig.events(ada).len() - 1;
        let more = (with.topics - before.topics, with.timers - before.timers, with.members);
        assert!((told, more) == (1, (2, 1, 1)) || (told, more) == (0, (1, 0, 0)), "{told} {more:?}");
    }
    assert!(off.model.topics_with_members().is_empty() && !on.model.topics_with_members().is_empty());
    on.assert_empty();
    off.assert_empty();
}

#[test]
fn a_crowd_is_told_at_most_every_five_seconds_and_its_arrival_costs_a_few_frames() {
    let mut rig = Rig::with(Default::default(), counting());
    let first = join(&mut rig, "news");
    rig.after(1_000);
    assert_eq!(counts(&mut rig, first), [1]);
    let crowd: Vec<Handle> = (0..3_000)
        .map(|n| {
            if n % 100 == 0 {
                rig.after(10);
            }
            join(&mut rig, "news")
        })
        .collect();
    rig.after(1_000);
    let told = counts(&mut rig, first);
    assert!(told.len() <= 3, "{told:?}");
    rig.after(5_000);
    assert_eq!(counts(&mut rig, first), [3_001]);
    assert_eq!(counts(&mut rig, crowd[2_999]), [3_001]);
    // Nothing happens, so nothing is told.
    rig.keep_alive(&[first], 20_000);
    rig.nothing(first);
    for client in &crowd[..10] {
        rig.cut(*client);
        rig.after(1_000);
    }
    let told = counts(&mut rig, first);
    assert!((2..=3).contains(&told.len()), "{told:?}");
    rig.after(5_000);
    assert_eq!(counts(&mut rig, crowd[2_999]).last(), Some(&2_991));
    rig.assert_empty();
}

#[test]
fn the_switch_works_at_once_for_those_who_are_there() {
    let mut rig = Rig::new();
    let ada = join(&mut rig, "news");
    rig.after(1_000);
    rig.nothing(ada);
    rig.change(counting());
    rig.after(1_000);
    assert_eq!(counts(&mut rig, ada), [1]);
    rig.change(app());
    let bob = join(&mut rig, "news");
    rig.after(1_000);
    rig.nothing(ada);
    rig.nothing(bob);
    rig.assert_empty();
}

#[test]
fn the_number_is_the_sum_over_cores_and_nodes() {
    let mut cores = Cores::new(3, &counting());
    let ada = cores.pusher(0);
    cores.subscribe(0, ada, "news");
    cores.after(500);
    assert_eq!(counts(&mut cores.rigs[0], ada), [1]);
    assert_eq!(cores.published, 0, "who is alone tells nobody");

    let (bob, eve) = (cores.pusher(1), cores.pusher(2));
    cores.subscribe(1, bob, "news");
    cores.subscribe(2, eve, "news");
    cores.after(1_000);
    for (core, client) in [(0, ada), (1, bob), (2, eve)] {
        assert_eq!(counts(&mut cores.rigs[core], client).last(), Some(&3), "on core {core}");
    }
    let elsewhere = |cores: &Cores, core: usize| cores.rigs[core].hub.occupancy_of(app_id(), &channel("news")).map(|entry| entry.elsewhere);
    assert_eq!([0, 1, 2].map(|core| elsewhere(&cores, core)), [Some(1), Some(2), Some(1)]);

    cores.cut(1, bob);
    cores.after(1_000);
    assert_eq!(counts(&mut cores.rigs[0], ada), [2]);
    let zoe = cores.pusher(1);
    cores.subscribe(1, zoe, "news");
    cores.after(1_000);
    assert_eq!(counts(&mut cores.rigs[1], zoe), [3], "never less than is there");
    assert_eq!(counts(&mut cores.rigs[2], eve), [2, 3]);
    for rig in &mut cores.rigs {
        let used = rig.hub.usage(rig.now).minutes;
        let metrics = used.iter().flat_map(|counts| counts.values()).filter(|(_, value)| *value > 0).map(|(metric, _)| metric);
        assert!(metrics.into_iter().all(|metric| matches!(metric, Metric::ConnectionMs | Metric::ConnectionsOpened)), "{used:?}");
        assert!(used.iter().all(|counts| counts.app == app_id()), "{used:?}");
    }
    cores.assert_empty();
}

#[test]
fn a_leave_that_was_lost_is_not_believed_for_ever() {
    for interrupted in [false, true] {
        let mut cores = Cores::new(2, &counting());
        let (ada, bob) = (cores.pusher(0), cores.pusher(1));
        cores.subscribe(0, ada, "news");
        cores.subscribe(1, bob, "news");
        cores.after(1_000);
        cores.model.lose = usize::MAX;
        cores.rigs[1].send(bob, serde_json::json!({"event": "pusher:unsubscribe", "data": {"channel": "news"}}));
        cores.after(500);
        cores.model.lose = 0;
        assert_eq!(counts(&mut cores.rigs[0], ada).last(), Some(&2), "the best that is known");
        if interrupted {
            cores.rigs[0].broker(peal_hub::BrokerEvent::Interrupted { topics: vec![] });
        } else {
            cores.rigs[1].got(bob);
            cores.subscribe(1, bob, "other");
        }
        cores.after(1_000);
        assert_eq!(counts(&mut cores.rigs[0], ada), [1], "interrupted: {interrupted}");
        cores.assert_empty();
    }
}

/// The other one's topic lags behind: what a core says is there before the core itself.
#[test]
fn a_core_that_speaks_before_it_is_known_is_asked_once_it_is() {
    for known in [1, 2] {
        let mut cores = Cores::new(3, &counting());
        let mut told = Vec::new();
        for core in 0..known {
            let client = cores.pusher(core);
            cores.subscribe(core, client, "news");
            cores.after(1_000);
            told.push((core, client));
        }
        cores.strangers = true;
        let late = cores.pusher(2);
        cores.subscribe(2, late, "news");
        told.push((2, late));
        // Its answer to the question who is there is newer than what the others have heard.
        cores.after(400);
        cores.introduce();
        cores.after(1_000);
        for (core, client) in &told {
            assert_eq!(counts(&mut cores.rigs[*core], *client).last(), Some(&(told.len() as u64)), "on core {core} of {known}");
        }
        cores.assert_empty();
    }
}

#[test]
fn what_a_core_kept_to_itself_while_it_was_alone_is_told_to_the_first_that_comes() {
    let mut cores = Cores::new(2, &counting());
    let other = App { id: AppId::new(987_654_321).expect("an id"), keys: vec![key("key2")], ..counting() };
    cores.rigs[0].change(other);
    // Of another app, so that nothing was ever said of this one.
    let first = cores.rigs[0].open(pusher_open("key2"));
    cores.settle();
    cores.rigs[0].got(first);
    cores.subscribe(0, first, "other");
    cores.after(1_000);
    let ada = cores.pusher(0);
    cores.subscribe(0, ada, "news");
    cores.after(1_000);
    assert_eq!((counts(&mut cores.rigs[0], ada), cores.published), (vec![1], 0));
    cores.strangers = true;
    let bob = cores.pusher(1);
    cores.subscribe(1, bob, "news");
    cores.after(400);
    cores.introduce();
    cores.after(1_000);
    for (core, client) in [(0, ada), (1, bob)] {
        assert_eq!(counts(&mut cores.rigs[core], client).last(), Some(&2), "on core {core}");
    }
    cores.assert_empty();
}

#[test]
fn a_dead_node_s_subscriptions_are_gone_with_its_lease() {
    let mut cores = Cores::new(2, &counting());
    let (ada, bob) = (cores.pusher(0), cores.pusher(1));
    cores.subscribe(0, ada, "news");
    cores.subscribe(1, bob, "news");
    cores.after(1_000);
    assert_eq!(counts(&mut cores.rigs[0], ada).last(), Some(&2));
    cores.kill(1);
    cores.after(1_000);
    assert_eq!(counts(&mut cores.rigs[0], ada), [1]);
    cores.assert_empty();
}

#[test]
fn what_is_lost_on_the_way_is_asked_for_again() {
    let mut cores = Cores::new(2, &counting());
    let (ada, bob) = (cores.pusher(0), cores.pusher(1));
    for name in ["news", "other"] {
        cores.subscribe(0, ada, name);
        cores.subscribe(1, bob, name);
    }
    cores.after(1_000);
    cores.rigs[0].got(ada);
    let eve = cores.pusher(1);
    cores.subscribe(1, eve, "news");
    cores.model.lose = 1;
    cores.after(1_000);
    cores.rigs[0].nothing(ada);
    // The next message shows that one is missing.
    cores.rigs[1].got(eve);
    cores.subscribe(1, eve, "other");
    cores.after(1_000);
    let mut told = counts(&mut cores.rigs[0], ada);
    told.sort_unstable();
    assert_eq!(told, [3, 3]);
    cores.assert_empty();
}

#[test]
fn while_the_broker_is_away_the_best_known_number_is_told_and_afterwards_the_right_one() {
    let mut cores = Cores::new(2, &counting());
    let (ada, bob, eve) = (cores.pusher(0), cores.pusher(1), cores.pusher(1));
    cores.subscribe(0, ada, "news");
    cores.subscribe(1, bob, "news");
    cores.subscribe(1, eve, "news");
    cores.after(1_000);
    assert_eq!(counts(&mut cores.rigs[0], ada).last(), Some(&3));
    cores.model.away = true;
    cores.cut(1, eve);
    let zoe = cores.pusher(0);
    cores.subscribe(0, zoe, "news");
    cores.after(20_000);
    assert_eq!(counts(&mut cores.rigs[0], ada), [4]);
    cores.model.away = false;
    cores.after(5_000);
    for client in [ada, zoe] {
        assert_eq!(counts(&mut cores.rigs[0], client).last(), Some(&3));
    }
    cores.assert_empty();
}

#[test]
fn after_an_interruption_cores_tell_each_other_everything() {
    let mut cores = Cores::new(2, &counting());
    let (ada, bob) = (cores.pusher(0), cores.pusher(1));
    cores.subscribe(0, ada, "news");
    cores.subscribe(1, bob, "news");
    cores.after(1_000);
    cores.rigs[0].got(ada);
    cores.model.lose = usize::MAX;
    let eve = cores.pusher(1);
    cores.subscribe(1, eve, "news");
    cores.after(1_000);
    cores.model.lose = 0;
    cores.rigs[0].nothing(ada);
    let control = Topic::control(app_id());
    cores.rigs[0].broker(peal_hub::BrokerEvent::Interrupted { topics: vec![control] });
    cores.after(1_000);
    assert_eq!(counts(&mut cores.rigs[0], ada), [3]);
    cores.assert_empty();
}

/// The last number that a client was told.
fn last_count(rig: &mut Rig, handle: Handle) -> Option<u64> {
    let told = rig.jsons(handle).into_iter().rfind(|frame| frame["event"] == "pusher_internal:subscription_count")?;
    let data: Value = serde_json::from_str(told["data"].as_str().expect("a string")).expect("JSON");
    data["subscription_count"].as_u64()
}

/// Joins, leaves, a broker that is away or loses, links that are interrupted, cores that hear of each other late.
fn random_hours(seed: u64) {
    const CHANNELS: [&str; 3] = ["a", "b", "private-c"];
    let mut rng = StdRng::seed_from_u64(seed);
    let mut cores = Cores::new(3, &counting());
    let mut clients: Vec<(usize, Handle, &str)> = Vec::new();
    for _ in 0..60 {
        let core = rng.random_range(0..3);
        match rng.random_range(0..12) {
            0..5 => {
                let channel = CHANNELS[rng.random_range(0..3)];
                let client = cores.pusher(core);
                cores.rigs[core].pusher_subscribe(client, channel);
                clients.push((core, client, channel));
            }
            5..8 if !clients.is_empty() => {
                let (core, client, _) = clients.swap_remove(rng.random_range(0..clients.len()));
                cores.cut(core, client);
            }
            8 => cores.model.away = !cores.model.away,
            9 => cores.model.lose = rng.random_range(0..3),
            10 => cores.rigs[core].broker(peal_hub::BrokerEvent::Interrupted { topics: vec![] }),
            _ if cores.strangers => cores.introduce(),
            _ => cores.strangers = true,
        }
        cores.after(rng.random_range(0..20) * 10);
    }
    (cores.model.away, cores.model.lose) = (false, 0);
    cores.introduce();
    cores.after(6_000);
    for core in 0..3 {
        cores.rigs[core].broker(peal_hub::BrokerEvent::Interrupted { topics: vec![] });
    }
    cores.after(6_000);
    for (core, client, channel) in &clients {
        let there = clients.iter().filter(|(_, _, other)| other == channel).count() as u64;
        assert_eq!(last_count(&mut cores.rigs[*core], *client), Some(there), "{channel} on core {core}, seed {seed}");
    }
    cores.assert_empty();
}

#[test]
fn whatever_happens_everybody_is_told_the_same_number_in_the_end() {
    (0..60).for_each(random_hours);
}

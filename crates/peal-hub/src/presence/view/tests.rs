use peal_core::PresenceChange;

use super::*;

fn member(user: &str, connection: u64, data: &str) -> Arc<Member> {
    let place = peal_core::id::Place { node: 1, core: 0, slot: connection as u32, generation: 0 };
    Arc::new(Member { user: user.into(), connection: ConnectionId::new(place, connection), data: Some(data.into()) })
}

fn change(seq: u64, op: PresenceOp, member: &Member) -> Publication {
    Publication {
        position: Some(Position::new(1, seq)),
        era_start: None,
        id: "p".parse().expect("an id"),
        ts: 0,
        origin: None,
        client_id: None,
        client_event: false,
        kind: PublicationKind::Presence(PresenceChange { op, member: member.clone(), first: false, last: false }),
    }
}

fn users(view: &View) -> Vec<(String, String)> {
    view.users().map(|(user, data)| (user.to_owned(), data.unwrap_or("").to_owned())).collect()
}

#[test]
fn a_user_comes_with_the_first_connection_and_goes_with_the_last() {
    let mut view = View::new();
    let (phone, laptop) = (member("ada", 1, "phone"), member("ada", 2, "laptop"));
    let came = view.change(&change(1, PresenceOp::Enter, &phone)).expect("an effect");
    assert_eq!((came.came.is_some(), came.went), (true, None));
    let second = view.change(&change(2, PresenceOp::Enter, &laptop)).expect("an effect");
    assert_eq!((second.came, second.went), (None, None));
    assert_eq!(users(&view), [("ada".into(), "phone".into())]);
    let first_gone = view.change(&change(3, PresenceOp::Leave, &phone)).expect("an effect");
    assert_eq!((first_gone.came, first_gone.went), (None, None));
    let gone = view.change(&change(4, PresenceOp::Leave, &laptop)).expect("an effect");
    assert_eq!(gone.went.as_deref(), Some("ada"));
    assert_eq!((view.members_count(), view.users_count()), (0, 0));
}

#[test]
fn what_the_view_shows_already_has_no_effect() {
    let mut view = View::new();
    let ada = member("ada", 1, "");
    view.replace(vec![Arc::clone(&ada)], Position::new(1, 5));
    assert_eq!(view.change(&change(5, PresenceOp::Leave, &ada)), None);
    assert_eq!(view.at(), Position::new(1, 5));
    assert!(view.change(&change(6, PresenceOp::Leave, &ada)).is_some());
    assert_eq!(view.change(&change(7, PresenceOp::Leave, &ada)), None, "who is absent does not leave");
}

#[test]
fn a_snapshot_tells_its_differences() {
    let mut view = View::new();
    let (ada, bob, eve) = (member("ada", 1, ""), member("bob", 2, ""), member("eve", 3, ""));
    view.replace(vec![ada, Arc::clone(&bob)], Position::new(1, 1));
    let effects = view.replace(vec![bob, eve], Position::new(2, 1));
    let went: Vec<_> = effects.iter().filter_map(|effect| effect.went.as_deref()).collect();
    let came: Vec<_> = effects.iter().filter_map(|effect| effect.came.as_ref()).map(|member| &*member.user).collect();
    assert_eq!((went, came), (vec!["ada"], vec!["eve"]));
    assert_eq!(users(&view).len(), 2);
}

#[test]
fn an_update_shows_what_the_first_connection_says() {
    let mut view = View::new();
    for (seq, connection, data) in [(1, 1, "a"), (2, 2, "b"), (3, 2, "c"), (4, 1, "d")] {
        view.change(&change(seq, PresenceOp::Enter, &member("ada", connection, data)));
    }
    assert_eq!(users(&view), [("ada".into(), "d".into())]);
    assert_eq!(view.members().map(|member| member.data.clone().expect("data").to_string()).collect::<Vec<_>>(), ["d", "c"]);
}

#[test]
fn a_connection_that_is_someone_else_is_a_leave_and_an_enter() {
    let mut view = View::new();
    view.change(&change(1, PresenceOp::Enter, &member("ada", 1, "")));
    let effect = view.change(&change(2, PresenceOp::Enter, &member("bob", 1, ""))).expect("an effect");
    assert_eq!((effect.went.as_deref(), effect.came.map(|member| member.user.to_string())), (Some("ada"), Some("bob".into())));
    assert_eq!(users(&view).len(), 1);
}

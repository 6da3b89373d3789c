//! Jobs as the keys and arguments of one script call (`lua/publish.lua`, `lua/presence.lua`).

use peal_core::exchange::Publish;
use peal_core::publication::stored;
use peal_core::{Draft, Durability, MessageId, PresenceChange, PresenceOp, PublicationKind, Retention};

use super::partition::{Change, Job, Partition};
use super::scripts::Script;
use super::shared::Shared;

/// Entries live at least as long as a client may come back with a position, and a little longer.
const EXPIRE_S: u64 = 25 * 3_600;

#[derive(Debug)]
pub(super) struct Batch {
    pub(super) script: Script,
    pub(super) keys: Vec<String>,
    pub(super) arguments: Vec<Vec<u8>>,
}

impl Batch {
    /// All of one kind.
    pub(super) fn new(shared: &Shared, partition: &Partition, jobs: &[Job]) -> Self {
        let keys = vec![shared.keys.fence(partition.index), shared.keys.record(partition.index, &shared.tag)];
        let mut batch = Self { script: Script::Publish, keys, arguments: Vec::new() };
        for job in jobs {
            match job {
                Job::Publish { items, .. } => items.iter().for_each(|item| batch.publish(shared, partition, item)),
                Job::Presence { change, .. } => batch.presence(shared, partition, change),
                Job::Touch(_) => {}
                Job::Probe(number, _) => batch.probe(shared, partition, *number),
            }
        }
        batch
    }

    fn publish(&mut self, shared: &Shared, partition: &Partition, item: &Publish) {
        let Publish { topic, draft, retention, durability } = item;
        let stream = shared.keys.stream(topic);
        self.lane(partition, &stream, *retention);
        // A publish that may be answered as not confirmed is repeated under the id that the answer names.
        let is_remembered = draft.idempotent || *durability == Durability::Replicated && !draft.ephemeral;
        let flags = u8::from(is_remembered) + 2 * u8::from(draft.ephemeral);
        self.arguments.extend([flags.to_string().into(), retention.ttl_ms.to_string().into(), stored::encode(draft).to_vec()]);
        self.keys.push(stream);
        if is_remembered {
            self.keys.push(shared.keys.id(topic, draft.id.as_str()));
        }
    }

    fn probe(&mut self, shared: &Shared, partition: &Partition, number: u64) {
        self.keys.push(shared.keys.echo(partition.index, &shared.tag));
        let echo = format!("{} {number}", partition.index);
        self.arguments.extend(["0", "1", "-1", "4", "0", &echo].map(|argument| argument.as_bytes().to_vec()));
    }

    fn presence(&mut self, shared: &Shared, partition: &Partition, change: &Change) {
        self.script = Script::Presence;
        let Change { update, only } = change;
        let (topic, member) = (&update.topic, &update.member);
        let stream = shared.keys.stream(topic);
        self.lane(partition, &stream, Retention::PRESENCE);
        let op = match update.op {
            PresenceOp::Enter => "e",
            PresenceOp::Update => "u",
            PresenceOp::Leave => "l",
        };
        self.arguments.extend([
            Retention::PRESENCE.ttl_ms.to_string().into(),
            op.into(),
            member_field(update).into(),
            member.user.as_bytes().to_vec(),
            update.users_max.unwrap_or(0).to_string().into(),
            shared.tag.as_bytes().to_vec(),
            only.as_deref().unwrap_or_default().into(),
            stored::encode(&draft(update)).to_vec(),
        ]);
        let index = shared.keys.index(partition.index, &shared.tag);
        self.keys.extend([stream, shared.keys.members(topic), shared.keys.users(topic), index]);
    }

    /// Era, count and expiry. Without a negative sign the expiry is renewed.
    fn lane(&mut self, partition: &Partition, stream: &str, retention: Retention) {
        let (era, renew) = partition.known().era(stream);
        let expire_s = EXPIRE_S.max(retention.ttl_ms / 1_000 + 3_600);
        let sign = if renew { "" } else { "-" };
        self.arguments.extend([era.to_string().into(), retention.count.max(1).to_string().into(), format!("{sign}{expire_s}").into()]);
    }
}

/// A member's field in the table of members: the connection, then the user.
pub(super) fn member_field(update: &peal_core::exchange::PresenceUpdate) -> String {
    format!("{}{}", update.member.connection, update.member.user)
}

/// The script knows what the change is in the end, and says so beside the blob; the id is the position, which it gives as well.
fn draft(update: &peal_core::exchange::PresenceUpdate) -> Draft {
    let member = update.member.clone();
    Draft {
        id: unnamed(),
        idempotent: false,
        origin: Some(member.connection),
        client_id: Some(std::sync::Arc::clone(&member.user)),
        ephemeral: false,
        client_event: false,
        kind: PublicationKind::Presence(PresenceChange { op: update.op, member, first: false, last: false }),
    }
}

fn unnamed() -> MessageId {
    "0".parse().expect("a digit is a valid message id")
}

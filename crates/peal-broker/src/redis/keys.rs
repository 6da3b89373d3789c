//! Names in Redis. Every key of a partition carries its hash tag, so that a script finds all of them on one server; parts are joined by a
//! zero byte, which no name holds, so that `a:b` + `c` and `a` + `b:c` are two keys.

use std::sync::Arc;

use peal_core::{Lane, Topic};

/// What belongs to no partition (the layout, the nodes, who buries a dead one) lives with this one, so that it too has one server.
pub(super) const HOME: u16 = 0;

/// How a deployment's keys begin, and over how many partitions they spread.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    prefix: Arc<str>,
    partitions: u16,
}

impl Keys {
    pub(super) fn new(prefix: &str, partitions: u16) -> Self {
        Self { prefix: prefix.into(), partitions }
    }

    /// The same on every node and in every release.
    pub(super) fn partition(&self, topic: &Topic) -> u16 {
        let name = name(topic);
        let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        // The last bytes of a name must reach every bit.
        let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
        ((hash >> 33) % u64::from(self.partitions)) as u16
    }

    fn key(&self, partition: u16, kind: char, rest: &str) -> String {
        let prefix = &self.prefix;
        if rest.is_empty() { format!("{prefix}{{{partition}}}{kind}") } else { format!("{prefix}{{{partition}}}{kind}\0{rest}") }
    }

    pub(super) fn fence(&self, partition: u16) -> String {
        self.key(partition, 'f', "")
    }

    /// What a node's last batch answered.
    pub(super) fn record(&self, partition: u16, tag: &str) -> String {
        self.key(partition, 'b', tag)
    }

    /// Which nodes have written down what they saw of the generations before this one.
    pub(super) fn witnessed(&self, partition: u16, generation: u64) -> String {
        self.key(partition, 'w', &generation.to_string())
    }

    /// Streams of presence changes with how many members a node has there.
    pub(super) fn index(&self, partition: u16, tag: &str) -> String {
        self.key(partition, 'n', tag)
    }

    /// The topic's entries; also the name under which they are published.
    pub(super) fn stream(&self, topic: &Topic) -> String {
        self.key(self.partition(topic), 's', &name(topic))
    }

    pub(super) fn id(&self, topic: &Topic, id: &str) -> String {
        self.key(self.partition(topic), 'i', &format!("{}\0{id}", name(topic)))
    }

    pub(super) fn ledger(&self, topic: &Topic) -> String {
        self.key(self.partition(topic), 'l', &name(topic))
    }

    pub(super) fn members(&self, topic: &Topic) -> String {
        self.key(self.partition(topic), 'm', &name(topic))
    }

    pub(super) fn users(&self, topic: &Topic) -> String {
        self.key(self.partition(topic), 'u', &name(topic))
    }

    /// The topic of a stream's name, as the index of a node lists it.
    pub(super) fn topic_of(&self, stream: &str) -> Option<Topic> {
        let mut parts = stream.split('\0').skip(1);
        let app = parts.next()?.parse().ok()?;
        match (parts.next()?, parts.next()) {
            ("p", Some(channel)) => Some(Topic::presence(app, peal_core::ChannelName::parse_any(channel).ok()?)),
            _ => None,
        }
    }

    pub(super) fn nodes(&self) -> String {
        format!("{}{{{HOME}}}nodes", self.prefix)
    }

    pub(super) fn layout(&self) -> String {
        format!("{}{{{HOME}}}layout", self.prefix)
    }

    /// A survivor holds it while it puts a dead node's members away.
    pub(super) fn burial(&self, tag: &str) -> String {
        format!("{}{{{HOME}}}burial\0{tag}", self.prefix)
    }

    /// What is written, for a moment, so that replicas can be waited for.
    pub(super) fn mark(&self, partition: u16) -> String {
        self.key(partition, 'k', "")
    }

    /// Where a node hears its probes of a partition.
    pub(super) fn echo(&self, partition: u16, tag: &str) -> String {
        self.key(partition, 'e', tag)
    }

    /// Where nodes tell what they wrote into a partition.
    pub(super) fn digest(&self, partition: u16) -> String {
        format!("{}{{{partition}}}digest", self.prefix)
    }
}

fn name(topic: &Topic) -> String {
    let app = topic.app;
    match &topic.lane {
        Lane::Messages(channel) => format!("{app}\0m\0{}", channel.as_str()),
        Lane::Presence(channel) => format!("{app}\0p\0{}", channel.as_str()),
        Lane::Control => format!("{app}\0c"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peal_core::{AppId, ChannelName};

    #[test]
    fn topics_have_keys_of_their_own_and_are_found_again() {
        let keys = Keys::new("peal", 4);
        let app = AppId::new(123).unwrap();
        let channel = ChannelName::parse("presence-a:b").unwrap();
        let (messages, presence) = (Topic::messages(app, channel.clone()), Topic::presence(app, channel));
        assert_ne!(keys.stream(&messages), keys.stream(&presence));
        assert_eq!(keys.topic_of(&keys.stream(&presence)), Some(presence));
        let online = Topic::presence(app, ChannelName::online("ada").unwrap());
        assert_eq!(keys.topic_of(&keys.stream(&online)), Some(online), "who is online is put away with a dead node");
        assert_eq!(keys.topic_of("nonsense"), None);
    }

    #[test]
    fn every_key_names_the_partition_whose_server_has_it() {
        let keys = Keys::new("peal", 8);
        let topic = Topic::messages(AppId::new(123).unwrap(), ChannelName::parse("room").unwrap());
        let partition = keys.partition(&topic);
        let of_it = [
            keys.fence(partition),
            keys.record(partition, "tag"),
            keys.witnessed(partition, 7),
            keys.index(partition, "tag"),
            keys.mark(partition),
            keys.echo(partition, "tag"),
            keys.digest(partition),
            keys.stream(&topic),
            keys.id(&topic, "id"),
            keys.ledger(&topic),
            keys.members(&topic),
            keys.users(&topic),
        ];
        let of_none = [keys.nodes(), keys.layout(), keys.burial("tag")];
        let expected = of_it.iter().map(|key| (key, partition)).chain(of_none.iter().map(|key| (key, HOME)));
        for (key, partition) in expected {
            assert!(key.starts_with(&format!("peal{{{partition}}}")), "{key:?}");
        }
        let every: std::collections::HashSet<_> = of_it.iter().chain(&of_none).collect();
        assert_eq!(every.len(), of_it.len() + of_none.len(), "no two are the same key");
    }

    #[test]
    fn topics_spread_over_the_partitions() {
        let keys = Keys::new("peal", 4);
        let mut counts = [0; 4];
        for n in 0..1_000 {
            let topic = Topic::messages(AppId::new(123).unwrap(), ChannelName::parse(&format!("room{n}")).unwrap());
            counts[usize::from(keys.partition(&topic))] += 1;
        }
        assert!(counts.iter().all(|count| (180..320).contains(count)), "{counts:?}");
    }
}

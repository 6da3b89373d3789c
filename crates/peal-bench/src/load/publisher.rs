//! A server that publishes over one kept HTTP connection: one request at a time, the next when the answer is there.

use crate::payload::Payload;
use crate::sign::{Signer, app};

/// Where and what it publishes. Each publisher has its own channels or is the only one that numbers them for itself.
#[derive(Debug, Clone)]
pub(super) struct Plan {
    /// Whose channels they are.
    pub(super) tenant: u64,
    /// In turn.
    pub(super) channels: Vec<String>,
    /// Events in one request; above 1 they go to `/batch_events`.
    pub(super) batch: usize,
    pub(super) payload_bytes: usize,
    /// Nanoseconds from one request to the next; 0 is at full speed.
    pub(super) every_ns: u64,
    /// Requests after which it stops.
    pub(super) requests_max: u64,
    /// It sends more than it may: being refused for that is no fault.
    pub(super) over_rate: bool,
}

#[derive(Debug)]
pub(super) struct Publisher {
    id: usize,
    plan: Plan,
    /// Events sent to each of the plan's channels.
    sent: Vec<u64>,
    turn: usize,
    requests: u64,
    pub(super) awaiting: bool,
    /// When a paced publisher sends next.
    due_ns: u64,
    body: Vec<u8>,
}

impl Publisher {
    pub(super) fn new(id: usize, plan: Plan) -> Self {
        let sent = vec![0; plan.channels.len()];
        Self { id, plan, sent, turn: 0, requests: 0, awaiting: false, due_ns: 0, body: Vec::new() }
    }

    /// The answer is there. Whether it is what was to be expected.
    pub(super) fn answered(&mut self, status: u16) -> bool {
        self.awaiting = false;
        if status == 429 && self.plan.over_rate {
            // Nobody will see it, so its number is used again.
            let last = (self.turn + self.plan.channels.len() - 1) % self.plan.channels.len();
            self.sent[last] -= 1;
            return true;
        }
        status == 200
    }

    pub(super) fn batch(&self) -> u64 {
        self.plan.batch as u64
    }

    pub(super) fn is_due(&self, now_ns: u64) -> bool {
        !self.awaiting && now_ns >= self.due_ns && self.requests < self.plan.requests_max
    }

    /// The next request, signed.
    pub(super) fn request(&mut self, signer: &Signer, now_ns: u64, now_s: u64, request: &mut Vec<u8>) {
        self.awaiting = true;
        self.requests += 1;
        self.due_ns = if self.due_ns == 0 { now_ns } else { self.due_ns } + self.plan.every_ns;
        self.body.clear();
        let path = if self.plan.batch > 1 {
            self.body.extend_from_slice(br#"{"batch":["#);
            for at in 0..self.plan.batch {
                if at > 0 {
                    self.body.push(b',');
                }
                self.event(now_ns);
            }
            self.body.extend_from_slice(b"]}");
            format!("/apps/{}/batch_events", app(self.plan.tenant))
        } else {
            self.event(now_ns);
            format!("/apps/{}/events", app(self.plan.tenant))
        };
        request.clear();
        let target = signer.target(self.plan.tenant, &path, &self.body, now_s);
        let head = ["POST ", &target, " HTTP/1.1\r\nHost: peal.test\r\nContent-Type: application/json\r\nContent-Length: "];
        head.iter().for_each(|part| request.extend_from_slice(part.as_bytes()));
        request.extend_from_slice(self.body.len().to_string().as_bytes());
        request.extend_from_slice(b"\r\n\r\n");
        request.extend_from_slice(&self.body);
    }

    fn event(&mut self, now_ns: u64) {
        let turn = self.turn;
        self.turn = (turn + 1) % self.plan.channels.len();
        self.sent[turn] += 1;
        self.body.extend_from_slice(br#"{"name":"event","channel":""#);
        self.body.extend_from_slice(self.plan.channels[turn].as_bytes());
        self.body.extend_from_slice(br#"","data":""#);
        Payload { publisher: self.id, number: self.sent[turn], sent_ns: now_ns }.write(&mut self.body, self.plan.payload_bytes);
        self.body.extend_from_slice(br#""}"#);
    }

    /// Each channel with how many events it has been sent.
    pub(super) fn totals(&self) -> impl Iterator<Item = (&str, u64)> {
        self.plan.channels.iter().map(String::as_str).zip(self.sent.iter().copied())
    }

    pub(super) fn id(&self) -> usize {
        self.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire;

    #[test]
    fn events_are_numbered_for_each_channel_in_turn() {
        let plan = Plan {
            tenant: 0,
            channels: vec!["a".into(), "b".into()],
            batch: 3,
            payload_bytes: 32,
            every_ns: 10,
            requests_max: 2,
            over_rate: false,
        };
        let mut publisher = Publisher::new(4, plan);
        let mut request = Vec::new();
        assert!(publisher.is_due(100));
        publisher.request(&Signer::new(), 100, 1_000, &mut request);
        assert!(!publisher.is_due(1_000));
        publisher.awaiting = false;
        assert!(!publisher.is_due(109) && publisher.is_due(110));
        assert_eq!(publisher.totals().collect::<Vec<_>>(), [("a", 2), ("b", 1)]);
        publisher.requests = 2;
        assert!(!publisher.is_due(110), "it has sent all it may");
        let head = wire::head_end(&request).expect("a head");
        assert_eq!(wire::content_length(&request[..head]), request.len() - head);
        let body = String::from_utf8(request.split_off(head)).expect("text");
        assert!(body.starts_with(r#"{"batch":[{"name":"event","channel":"a","data":"4:1:100:x"#), "{body}");
        assert!(body.contains(r#""channel":"a","data":"4:2:100:"#), "{body}");
    }
}

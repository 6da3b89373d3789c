//! What kind of run a seed is: how large, and how bad the weather.

use peal_hub::HubConfig;

use crate::rng::Rng;

#[derive(Debug, Clone)]
pub(crate) struct Profile {
    /// Nothing is lost, refused, late or slow. Then there is no excuse: every resume must be recovered, no discontinuity may be announced.
    pub(crate) calm: bool,
    /// The broker fails over as a whole, as Redis does, not topic by topic.
    pub(crate) whole: bool,
    pub(crate) clients: usize,
    pub(crate) channels: usize,
    /// How long clients act and faults happen.
    pub(crate) busy_ms: u64,
    /// Pause between two publishes of the customer's server.
    pub(crate) publish_every_ms: u64,
    pub(crate) act_every_ms: u64,
    /// Of what a native client does on a channel it holds: so often it enters, changes or leaves.
    pub(crate) moves: u32,
    /// The broker keeps so many per topic.
    pub(crate) kept_max: usize,
    /// Of each delivery, in permille.
    pub(crate) drop: u32,
    pub(crate) duplicate: u32,
    /// Of each request to the broker: fails, and of the failed ones so many were carried out all the same.
    pub(crate) fail: u32,
    /// The slowest way between hub and broker.
    pub(crate) latency_max_ms: u64,
    /// Pause between two faults of the broker or a hub.
    pub(crate) fault_every_ms: u64,
    /// Of each flush: how often a socket takes only part, and how often a client stops reading.
    pub(crate) partial_write: u32,
    pub(crate) stall: u32,
    /// The first client takes a few bytes at a time, all the while.
    pub(crate) trickle: bool,
    /// Of each page of history that has more behind it: how often it is trimmed meanwhile.
    pub(crate) trim_behind_page: u32,
    pub(crate) hub: HubConfig,
}

impl Profile {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let calm = rng.permille(200);
        let harsh = !calm && rng.permille(300);
        let small = *rng.pick(&[3, 8, 30]);
        let faulty = |value: u32| if calm { 0 } else { value };
        Self {
            calm,
            whole: rng.permille(600),
            clients: rng.between(2, 6) as usize,
            channels: rng.between(1, 4) as usize,
            busy_ms: rng.between(5_000, 40_000),
            publish_every_ms: *rng.pick(&[30, 150, 800]),
            act_every_ms: *rng.pick(&[150, 500, 1_500]),
            moves: *rng.pick(&[100, 600]),
            kept_max: if calm { 1_000_000 } else { *rng.pick(&[3, 10, 40, 1_000]) },
            drop: faulty(*rng.pick(&[0, 20, if harsh { 300 } else { 80 }])),
            duplicate: faulty(*rng.pick(&[0, 30, 200])),
            fail: faulty(*rng.pick(&[0, 30, if harsh { 400 } else { 100 }])),
            latency_max_ms: if calm { 5 } else { *rng.pick(&[5, 100, 1_000, 3_000]) },
            fault_every_ms: *rng.pick(&[1_000, 4_000, 15_000]),
            partial_write: *rng.pick(&[0, 300]),
            stall: faulty(*rng.pick(&[0, 20, 100])),
            trickle: !calm && rng.permille(200),
            trim_behind_page: faulty(*rng.pick(&[0, 0, 300])),
            hub: HubConfig {
                ring_count: if calm { 100 } else { small },
                page_count: *rng.pick(&[2, 5, 100]),
                held_count: *rng.pick(&[4, 1_024]),
                queue_soft_bytes: if calm { 256 * 1024 } else { *rng.pick(&[500, 2_000, 256 * 1024]) },
                // A handful of subscribers are several slices and passes.
                slice_subscribers: *rng.pick(&[1, 2, 256]),
                small_fan_out: *rng.pick(&[0, 3]),
                pass_publications: *rng.pick(&[1, 2, 64]),
                waiting_publications: *rng.pick(&[1, 3, 1_024]),
                // So that the time for healing is enough to find half-open connections.
                pusher_activity_timeout_s: 20,
                pusher_pong_timeout_ms: 5_000,
                ..HubConfig::default()
            },
        }
    }
}

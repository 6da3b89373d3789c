//! The scenarios, played: bring the server to a state, let it work for a window, read its clock at both ends.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::client::{Client, Habits};
use super::publisher::Plan;
use crate::histogram::Histogram;
use crate::machine::{self, CpuTime};
use crate::outcome::{Latency, Memory, Outcome};
use crate::scenario::{Scale, Scenario};
use crate::sign::TENANTS;
use crate::wire;

/// Handshakes on their way at once.
const OPENING_MAX: usize = 64;
/// Connections of the churn at once.
const CHURNING: usize = 32;
const PAYLOAD: usize = 128;
/// Kept HTTP connections where nobody is subscribed.
const REST_CONNECTIONS: usize = 16;
/// Whatever does not happen within this time does not happen at all.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a round waits when nothing is due.
const ROUND: Duration = Duration::from_millis(20);
const PACED_EVERY_NS: u64 = 50_000_000;
/// A quiet app beside a noisy one: with a hundred subscribers this is about a twentieth of a core.
const QUIET_EVERY_NS: u64 = 10_000_000;
/// Connections over which a noisy app publishes, together ten times its rate.
const NOISY_CONNECTIONS: u64 = 8;

pub(super) struct Measurement {
    scale: Scale,
    pid: u32,
    client: Client,
}

/// The beginning of a measured window.
struct Window {
    began: Instant,
    server: CpuTime,
    own: CpuTime,
    units: u64,
}

impl Measurement {
    pub(super) fn new(scale: Scale, addr: SocketAddr, pid: u32) -> io::Result<Self> {
        Ok(Self { scale, pid, client: Client::new(addr)? })
    }

    pub(super) fn play(self, scenario: Scenario) -> io::Result<Outcome> {
        let name = scenario.name();
        let audience = self.scale.audience();
        let one = |batch, every_ns| Plan {
            tenant: 0,
            channels: vec![name.clone()],
            batch,
            payload_bytes: PAYLOAD,
            every_ns,
            requests_max: u64::MAX,
            over_rate: false,
        };
        match scenario {
            Scenario::Idle => self.idle(&name),
            Scenario::IdleOwnChannel => self.idle_own_channel(&name),
            Scenario::Open => self.opening(&name),
            Scenario::Churn => self.churn(&name),
            Scenario::Fanout1 => self.traffic(audience, vec![one(1, 0)]),
            Scenario::Fanout8 => self.traffic(audience, vec![one(1, 0); 8]),
            Scenario::Paced => self.traffic(audience, vec![one(1, PACED_EVERY_NS)]),
            Scenario::Publish => self.traffic(0, vec![one(1, 0); REST_CONNECTIONS]),
            Scenario::Batch => self.traffic(0, vec![one(10, 0); REST_CONNECTIONS]),
            Scenario::Refused => self.traffic(0, vec![Plan { over_rate: true, ..one(1, 0) }; REST_CONNECTIONS]),
            Scenario::Noisy => self.noisy(&name, &one(1, QUIET_EVERY_NS)),
            Scenario::Channels => {
                let channels: Vec<String> = (0..self.scale.channels()).map(|channel| format!("{name}-{channel}")).collect();
                let plans = (0..8).map(|publisher| {
                    let own = channels.iter().skip(publisher).step_by(8).cloned().collect();
                    Plan { channels: own, ..one(1, 0) }
                });
                self.traffic(10 * channels.len(), plans.filter(|plan| !plan.channels.is_empty()).collect())
            }
        }
    }

    fn begin(&self, units: u64) -> io::Result<Window> {
        Ok(Window { began: Instant::now(), server: CpuTime::of(self.pid)?, own: CpuTime::of(std::process::id())?, units })
    }

    fn end(&self, window: &Window, units: u64) -> io::Result<Outcome> {
        let seconds = window.began.elapsed().as_secs_f64();
        let own = CpuTime::of(std::process::id())?.since(window.own);
        Ok(Outcome {
            units: units - window.units,
            cpu: CpuTime::of(self.pid)?.since(window.server),
            seconds,
            client_busy: own.ns as f64 / 1e9 / seconds,
            ..Outcome::default()
        })
    }

    /// Opens connections until there are `count`, and waits until all are subscribed.
    fn open(&mut self, count: usize, channel: impl Fn(usize) -> String) -> io::Result<()> {
        self.open_with(count, |client, at| client.open(channel(at)))
    }

    fn open_with(&mut self, count: usize, open: impl Fn(&mut Client, usize) -> io::Result<()>) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.client.counts.subscribed < count {
            while self.client.counts.opened < count && self.client.counts.opened - self.client.counts.subscribed < OPENING_MAX {
                let at = self.client.counts.opened;
                open(&mut self.client, at)?;
            }
            self.client.round(ROUND)?;
            if self.client.faults.dropped > 0 || Instant::now() > deadline {
                return Err(io::Error::other(format!(
                    "{} of {count} connections are subscribed; {} were closed by the server",
                    self.client.counts.subscribed, self.client.faults.dropped
                )));
            }
        }
        Ok(())
    }

    /// Serves the sockets for a while.
    fn run_for(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            self.client.publish_due()?;
            self.client.round(left.min(self.wait()))?;
        }
        Ok(())
    }

    /// A paced publisher must not oversleep.
    fn wait(&self) -> Duration {
        if self.client.habits.publish { Duration::from_millis(1) } else { ROUND }
    }

    fn settle(&mut self) -> io::Result<f64> {
        self.run_for(Duration::from_millis(self.scale.settle_ms()))?;
        Ok(machine::pss_bytes(self.pid)? as f64)
    }

    fn opening(mut self, name: &str) -> io::Result<Outcome> {
        let (count, base) = self.scale.crowd();
        let channel = |at: usize| format!("{name}-{}", at % 10);
        self.open(base, channel)?;
        let window = self.begin(base as u64)?;
        self.open(count, channel)?;
        let outcome = self.end(&window, count as u64)?;
        Ok(Outcome { faults: self.client.faults, ..outcome })
    }

    fn churn(mut self, name: &str) -> io::Result<Outcome> {
        self.client.habits = Habits { close: true, ..Habits::default() };
        let measured = Duration::from_millis(self.scale.window_ms());
        let warm = Instant::now() + measured / 4;
        let mut window = None;
        loop {
            while self.client.counts.opened - self.client.counts.closed < CHURNING {
                let channel = format!("{name}-{}", self.client.counts.opened % 10);
                self.client.open(channel)?;
            }
            self.client.round(ROUND)?;
            let done = self.client.counts.closed as u64;
            match &window {
                None if Instant::now() >= warm => window = Some(self.begin(done)?),
                Some(begun) if begun.began.elapsed() >= measured => {
                    let outcome = self.end(begun, done)?;
                    return Ok(Outcome { faults: self.client.faults, ..outcome });
                }
                _ => {}
            }
            if self.client.faults.dropped > 0 {
                return Err(io::Error::other("the server closed a connection of the churn unasked"));
            }
        }
    }

    /// Publishes for a window; then everything that was sent must arrive.
    fn traffic(mut self, subscribers: usize, plans: Vec<Plan>) -> io::Result<Outcome> {
        let mut channels: Vec<String> = plans.iter().flat_map(|plan| plan.channels.iter().cloned()).collect();
        channels.sort_unstable();
        channels.dedup();
        self.open(subscribers, |at| channels[at % channels.len()].clone())?;
        let over_rate = plans.iter().any(|plan| plan.over_rate);
        for plan in plans {
            self.client.add_publisher(plan)?;
        }
        let measured = Duration::from_millis(self.scale.window_ms());
        self.client.habits.publish = true;
        self.run_for(measured / 4)?;
        let units = |client: &Client| match subscribers {
            0 if over_rate => client.counts.refused,
            0 => client.counts.published,
            _ => client.counts.received,
        };
        let window = self.begin(units(&self.client))?;
        self.client.habits.record = true;
        self.run_for(measured)?;
        let outcome = self.end(&window, units(&self.client))?;
        self.client.habits = Habits::default();
        self.drain()?;
        let latency_ms = (subscribers > 0).then(|| latency(&self.client.latencies));
        Ok(Outcome { latency_ms, faults: self.client.faults, ..outcome })
    }

    /// Four quiet apps, alone and then beside one with twice their subscribers that sends ten times its rate.
    fn noisy(mut self, name: &str, quiet: &Plan) -> io::Result<Outcome> {
        let noisy = TENANTS - 1;
        let channel = |tenant: u64| format!("{name}-{tenant}");
        let whose = |at: usize| (at as u64 % (TENANTS + 1)).min(noisy);
        let count = self.scale.audience() / 10 * (TENANTS as usize + 1);
        self.open_with(count, |client, at| client.open_as(whose(at), whose(at) != noisy, channel(whose(at))))?;
        for tenant in 0..noisy {
            self.client.add_publisher(Plan { tenant, channels: vec![channel(tenant)], ..quiet.clone() })?;
        }
        let measured = Duration::from_millis(self.scale.window_ms());
        self.client.habits.publish = true;
        self.run_for(measured / 4)?;
        self.client.habits.record = true;
        self.run_for(measured)?;
        let undisturbed = latency(&std::mem::take(&mut self.client.latencies));
        self.client.habits.record = false;
        let rate = Scenario::Noisy.rate().map_or(1, u64::from);
        let every_ns = NOISY_CONNECTIONS * 1_000_000_000 / (10 * rate);
        for _ in 0..NOISY_CONNECTIONS {
            self.client.add_publisher(Plan {
                tenant: noisy,
                channels: vec![channel(noisy)],
                every_ns,
                over_rate: true,
                ..quiet.clone()
            })?;
        }
        self.run_for(measured / 4)?;
        let (window, refused) = (self.begin(self.client.counts.received)?, self.client.counts.refused);
        self.client.habits.record = true;
        self.run_for(measured)?;
        let outcome = self.end(&window, self.client.counts.received)?;
        let refused = self.client.counts.refused - refused;
        self.client.habits = Habits::default();
        self.drain()?;
        let latency_ms = Some(latency(&self.client.latencies));
        Ok(Outcome { latency_ms, undisturbed_ms: Some(undisturbed), refused, faults: self.client.faults, ..outcome })
    }

    /// Waits until all that was published has arrived, as long as something still does; the rest is lost.
    fn drain(&mut self) -> io::Result<()> {
        let mut progress = Instant::now();
        loop {
            let before = self.client.counts.received;
            self.client.round(ROUND)?;
            if before != self.client.counts.received {
                progress = Instant::now();
                continue;
            }
            let unseen = self.client.unseen();
            if unseen == 0 && !self.client.is_awaiting() {
                return Ok(());
            }
            if progress.elapsed() > Duration::from_secs(3) {
                self.client.faults.lost += unseen;
                return Ok(());
            }
        }
    }

    fn idle(mut self, name: &str) -> io::Result<Outcome> {
        let (count, base_count) = self.scale.crowd();
        let added = (count - base_count) as f64;
        let channels: Vec<String> = (0..10).map(|channel| format!("{name}-{channel}")).collect();
        let channel = |at: usize| channels[at % channels.len()].clone();
        self.open(base_count, channel)?;
        let base = self.settle()?;
        self.open(count, channel)?;
        let idle = (self.settle()? - base) / added;

        let ping = format!(r#"{{"event":"pusher:ping","data":{{"padding":"{}"}}}}"#, "x".repeat(8 * 1024 - 48));
        self.client.send_to_server(&wire::masked(wire::TEXT, ping.as_bytes()))?;
        self.wait_until("all pings are answered", |client| client.counts.pongs == count as u64)?;
        let after_message = (self.settle()? - base) / added;

        // Ten messages for each channel at once: the answer to the last may be there before the first was written.
        let plan =
            Plan { channels: channels.clone(), batch: 10, payload_bytes: 1024, every_ns: 0, requests_max: 10, tenant: 0, over_rate: false };
        self.client.add_publisher(plan)?;
        self.client.habits.publish = true;
        self.client.publish_due()?;
        self.wait_until("the burst has arrived", |client| client.counts.received == 10 * count as u64)?;
        self.client.habits.publish = false;
        let after_burst = (self.settle()? - base) / added;

        let memory = Memory { idle, after_message: Some(after_message), after_burst: Some(after_burst), base };
        Ok(Outcome { units: count as u64, memory: Some(memory), faults: self.client.faults, ..Outcome::default() })
    }

    fn idle_own_channel(mut self, name: &str) -> io::Result<Outcome> {
        let (count, base_count) = self.scale.crowd();
        let channel = |at: usize| format!("{name}-{at}");
        self.open(base_count, channel)?;
        let base = self.settle()?;
        self.open(count, channel)?;
        let idle = (self.settle()? - base) / (count - base_count) as f64;
        let memory = Memory { idle, after_message: None, after_burst: None, base };
        Ok(Outcome { units: count as u64, memory: Some(memory), faults: self.client.faults, ..Outcome::default() })
    }

    fn wait_until(&mut self, what: &str, done: impl Fn(&Client) -> bool) -> io::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !done(&self.client) {
            self.client.round(ROUND)?;
            if Instant::now() > deadline {
                return Err(io::Error::new(io::ErrorKind::TimedOut, format!("not within {} s: {what}", PATIENCE.as_secs())));
            }
        }
        Ok(())
    }
}

fn latency(latencies: &Histogram) -> Latency {
    let ms = |share| latencies.quantile(share) as f64 / 1e6;
    Latency { p50: ms(0.5), p99: ms(0.99) }
}

//! What a storm came to, and whether that is what is promised.

use std::fmt;

use serde::Serialize;

use super::BACK_WITHIN;
use super::client::Seen;

#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) clients: usize,
    pub(super) processes: usize,
    pub(super) channels: usize,
    pub(super) edges: usize,
    pub(super) through_proxy: bool,
    /// Edges were killed, so that no client was told to go.
    pub(super) killed: bool,
    /// From the first connection until all were subscribed.
    pub(super) connected_ms: u64,
    pub(super) restarts: Vec<Restart>,
    pub(super) published: u64,
    pub(super) publish_retries: u64,
    pub(super) publish_pause_ms: u64,
    pub(super) seen: Seen,
}

/// Times are from the signal.
#[derive(Debug, Serialize)]
pub(super) struct Restart {
    pub(super) edge: usize,
    /// Until the successor was ready.
    pub(super) ready_ms: u64,
    /// Until every client was subscribed again.
    pub(super) back_ms: u64,
    /// Of all edges, for all clients.
    pub(super) history_reads: u64,
}

impl Report {
    /// What is not as promised, one sentence each.
    pub(super) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let limit_ms = BACK_WITHIN.as_millis() as u64;
        for restart in self.restarts.iter().filter(|restart| restart.back_ms > limit_ms) {
            wrong.push(format!(
                "after the restart of edge {} everybody was back after {} ms, not {limit_ms}",
                restart.edge, restart.back_ms
            ));
        }
        let (reads, reads_max) = (self.history_reads(), (self.channels * self.edges) as u64);
        if reads > reads_max {
            wrong.push(format!("{reads} history reads, more than one for each channel and edge ({reads_max})"));
        }
        let Seen { lost, doubled, discontinuities, not_resumed, refused, .. } = self.seen;
        for (count, what) in [
            (lost, "messages lost"),
            (doubled, "messages doubled"),
            (discontinuities, "discontinuities"),
            (not_resumed, "subscriptions that could not go on"),
            (refused, "connections refused"),
        ] {
            if count > 0 {
                wrong.push(format!("{count} {what}"));
            }
        }
        // Without these the storm was none.
        if self.seen.resumed == 0 || (self.seen.goaways == 0) != self.killed || self.seen.received < self.published {
            wrong.push(format!(
                "nothing was shown: {} resumed, {} told to go, {} received",
                self.seen.resumed, self.seen.goaways, self.seen.received
            ));
        }
        wrong
    }

    fn history_reads(&self) -> u64 {
        self.restarts.iter().map(|restart| restart.history_reads).sum()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { clients, processes, channels, edges, connected_ms, published, publish_retries, publish_pause_ms, seen, .. } = self;
        let way = if self.through_proxy { "through nginx" } else { "directly" };
        writeln!(
            f,
            "{clients} clients in {processes} processes, {channels} channels, {edges} edges reached {way}; connected in {connected_ms} ms"
        )?;
        let how = if self.killed { "killed and started again" } else { "restarted" };
        for Restart { edge, ready_ms, back_ms, history_reads } in &self.restarts {
            writeln!(
                f,
                "edge {edge} {how}: ready after {ready_ms} ms, all clients back after {back_ms} ms, {history_reads} history reads"
            )?;
        }
        let reads = self.history_reads();
        writeln!(f, "history reads: {reads}, of at most {} (channels x edges)", channels * edges)?;
        writeln!(f, "published {published}, {publish_retries} repeated, longest pause {publish_pause_ms} ms")?;
        let Seen {
            received,
            lost,
            doubled,
            discontinuities,
            resumed,
            not_resumed,
            goaways,
            closed,
            overloaded,
            unavailable,
            refused,
            away_max_ms,
        } = seen;
        writeln!(f, "received {received}: {lost} lost, {doubled} doubled, {discontinuities} discontinuities")?;
        writeln!(
            f,
            "resumed {resumed}, not resumed {not_resumed}; told to go {goaways}, closed {closed}, to come back later {overloaded}, for Redis {unavailable}, refused {refused}; \
             away for at most {away_max_ms} ms"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let restart = Restart { edge: 1, ready_ms: 20_000, back_ms: 21_000, history_reads: 60 };
        Report {
            clients: 10,
            processes: 2,
            channels: 30,
            edges: 3,
            through_proxy: false,
            killed: false,
            connected_ms: 5,
            restarts: vec![restart],
            published: 100,
            publish_retries: 0,
            publish_pause_ms: 3,
            seen: Seen { received: 1_000, resumed: 4, goaways: 4, ..Seen::default() },
        }
    }

    #[test]
    fn everything_that_is_promised_is_held_against_the_report() {
        assert_eq!(report().wrong(), Vec::<String>::new());
        let killed = |goaways| Report { killed: true, seen: Seen { goaways, ..report().seen }, ..report() };
        assert_eq!((killed(0).wrong().len(), killed(1).wrong().len()), (0, 1), "whoever was told to go was not killed");
        let spoil: [fn(&mut Report); 9] = [
            |report| report.restarts[0].back_ms = 60_001,
            |report| report.restarts[0].history_reads = 91,
            |report| report.seen.lost = 1,
            |report| report.seen.doubled = 1,
            |report| report.seen.discontinuities = 1,
            |report| report.seen.not_resumed = 1,
            |report| report.seen.refused = 1,
            |report| report.seen.resumed = 0,
            |report| report.seen.received = 99,
        ];
        for (at, spoil) in spoil.iter().enumerate() {
            let mut report = report();
            spoil(&mut report);
            assert_eq!(report.wrong().len(), 1, "{at}: {report:?}");
        }
    }
}

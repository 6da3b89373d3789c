//! What is measured. A scenario is the same for every server; [`Scale`] says how much of it.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scenario {
    /// Memory per idle connection, ten channels, then after an 8 KB message and a burst
    Idle,
    /// Memory per idle connection, each with a channel of its own
    IdleOwnChannel,
    /// Opening a connection and subscribing
    Open,
    /// Connecting, subscribing and closing, at full speed
    Churn,
    /// 1,000 subscribers, one publisher at full speed
    #[value(name = "fanout-1")]
    #[serde(rename = "fanout-1")]
    Fanout1,
    /// 1,000 subscribers, eight publishers at full speed
    #[value(name = "fanout-8")]
    #[serde(rename = "fanout-8")]
    Fanout8,
    /// 1,000 channels of 10 subscribers, eight publishers at full speed
    Channels,
    /// Signed publishes over 16 kept connections, nobody subscribed
    Publish,
    /// The same in batches of 10
    Batch,
    /// 1,000 subscribers, 20 publishes a second
    Paced,
    /// Signed publishes over 16 kept connections of an app that has used up its rate
    Refused,
    /// Four quiet apps, alone and then beside one that sends ten times its rate
    Noisy,
}

/// How much: the recorded numbers are made at `Full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Scale {
    /// For the test of the benchmark itself
    Tiny,
    Quick,
    Full,
}

impl Scale {
    fn pick<T>(self, tiny: T, quick: T, full: T) -> T {
        match self {
            Self::Tiny => tiny,
            Self::Quick => quick,
            Self::Full => full,
        }
    }

    pub(crate) fn repetitions(self) -> usize {
        self.pick(1, 1, 3)
    }

    /// Milliseconds that are measured, after a quarter of them that is not.
    pub(crate) fn window_ms(self) -> u64 {
        self.pick(200, 1_500, 4_000)
    }

    /// Milliseconds that memory is given to settle.
    pub(crate) fn settle_ms(self) -> u64 {
        self.pick(50, 1_000, 6_000)
    }

    /// Connections of the scenarios about many idle ones, and how many of them are the base that is subtracted.
    pub(crate) fn crowd(self) -> (usize, usize) {
        self.pick((50, 10), (3_000, 100), (10_000, 100))
    }

    /// Subscribers of one channel.
    pub(crate) fn audience(self) -> usize {
        self.pick(50, 1_000, 1_000)
    }

    /// Channels of ten subscribers.
    pub(crate) fn channels(self) -> usize {
        self.pick(5, 300, 1_000)
    }
}

impl Scenario {
    pub(crate) const ALL: [Self; 12] = [
        Self::Idle,
        Self::IdleOwnChannel,
        Self::Open,
        Self::Churn,
        Self::Fanout1,
        Self::Fanout8,
        Self::Channels,
        Self::Publish,
        Self::Batch,
        Self::Paced,
        Self::Refused,
        Self::Noisy,
    ];

    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// What one unit of the CPU time is; `None` where memory is measured.
    pub(crate) fn unit(self) -> Option<&'static str> {
        match self {
            Self::Idle | Self::IdleOwnChannel => None,
            Self::Open => Some("connection"),
            Self::Churn => Some("cycle"),
            Self::Fanout1 | Self::Fanout8 | Self::Channels | Self::Paced | Self::Noisy => Some("delivery"),
            Self::Publish => Some("publish"),
            Self::Refused => Some("refusal"),
            Self::Batch => Some("event"),
        }
    }

    /// Messages per second that an app of the server may publish.
    pub(crate) fn rate(self) -> Option<u32> {
        match self {
            Self::Refused => Some(1),
            Self::Noisy => Some(200),
            _ => None,
        }
    }

    /// Whether the floor can play it: it refuses nobody.
    pub(crate) fn has_floor(self) -> bool {
        self.rate().is_none()
    }

    /// At most this many times the floor's CPU: the target while everything runs on one machine, and the one after it.
    pub(crate) fn ratio_targets(self) -> (Option<f64>, Option<f64>) {
        match self {
            Self::Idle | Self::IdleOwnChannel | Self::Paced | Self::Refused | Self::Noisy => (None, None),
            Self::Open => (None, Some(1.5)),
            Self::Churn => (None, Some(1.4)),
            Self::Fanout1 => (Some(1.5), Some(1.1)),
            Self::Fanout8 => (Some(1.5), Some(1.0)),
            Self::Channels => (Some(1.5), Some(1.4)),
            Self::Publish => (None, Some(1.6)),
            Self::Batch => (None, Some(1.8)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_run_and_has_one_name_everywhere() {
        assert_eq!(Scenario::ALL.as_slice(), Scenario::value_variants());
        for scenario in Scenario::ALL {
            assert_eq!(serde_json::to_value(scenario).unwrap(), scenario.name());
        }
    }
}

//! The command line. Every setting of the servers is one field in [`crate::settings`]; from it follow the flag, the environment
//! variable, the key in the configuration file, the help text and the row in `docs/configuration.md`.

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::commands::publish::PublishArgs;
use crate::commands::subscribe::SubscribeArgs;
use crate::commands::token::TokenArgs;
use crate::commands::usage::UsageArgs;
use crate::settings::{ApiArgs, DevArgs, EdgeArgs, MeterArgs, MigrateArgs};
use crate::version;

const EXIT_CODES: &str = "Exit codes: 0 done; 1 failed; 2 wrong arguments or configuration; 3 refused by the server; \
4 the server cannot be reached; 130 interrupted.\n\
With --json a failure is one JSON object on standard error: {\"error\":{\"kind\":…,\"message\":…,\"exit_code\":…}}, with the server's \
name for it if the server refused.";

/// Realtime messaging as a service that you run yourself.
#[derive(Debug, Parser)]
#[command(name = "peal", version = version::text(), propagate_version = true, after_help = EXIT_CODES)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything on this machine: edge, API, dashboard and a private Postgres
    #[command(
        after_help = "Example: peal dev --edge-addr 127.0.0.1:8100 --api-addr 127.0.0.1:8200 --admin-addr 127.0.0.1:8300 --data-dir .peal2\n\n\
        Ctrl-C stops all that it started; a second one does not wait for connections."
    )]
    Dev(Box<DevArgs>),

    /// Run a connection node: WebSocket and REST
    #[command(after_help = "Example: PEAL_DATABASE_URL=postgres://peal@db/peal PEAL_KEYRING=… peal edge --edge-addr 0.0.0.0:7100")]
    Edge(Box<EdgeArgs>),

    /// Run the control plane: sign-up, apps, keys and the dashboard
    #[command(
        after_help = "Example: PEAL_DATABASE_URL=postgres://peal@db/peal PEAL_KEYRING=… peal api --public-url https://peal.example.com"
    )]
    Api(Box<ApiArgs>),

    /// Sum up usage by hour and day, and keep its tables in shape
    #[command(after_help = "Example: PEAL_DATABASE_URL=postgres://peal@db/peal peal meter\n\nAny number may run at once; one is enough.")]
    Meter(Box<MeterArgs>),

    /// Bring the database to the schema of this version
    #[command(after_help = "Example: peal migrate --database-url postgres://peal@db/peal --keyring-file peal.keys --json\n\n\
        The keyring file is made if there is none; keep it, because it decrypts what the database holds.")]
    Migrate(Box<MigrateArgs>),

    /// Publish a message with a signed key
    #[command(after_help = PUBLISH_HELP)]
    Publish(PublishArgs),

    /// Print the messages of channels as they arrive
    #[command(after_help = SUBSCRIBE_HELP)]
    Subscribe(SubscribeArgs),

    /// Mint a client token
    #[command(after_help = "Example: peal token --client-id ada --capability 'room.*=subscribe,publish' --ttl 15m\n\n\
        The token is signed here, with the key's secret; no server is asked.")]
    Token(TokenArgs),

    /// Print what an app used
    #[command(after_help = "Example: peal usage --metric messages_out --from 2026-11-24T00:00:00Z --csv\n\n\
        It reads the database, so it is for whoever runs Peal; the API answers the same to a signed-in browser. docs/counting.md has the rules.")]
    Usage(UsageArgs),

    /// Show or check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
}

const PUBLISH_HELP: &str = "Example: peal publish hello '{\"text\":\"hi\"}'\n\n\
Beside a running `peal dev` no key is needed. DATA that is not JSON is sent as a text; - reads it from standard input.\n\
With --json each published message is one line: {\"id\":…,\"position\":…}.\n\n\
Exit codes: 0 published; 2 wrong arguments; 3 refused; 4 the edge cannot be reached.";

const SUBSCRIBE_HELP: &str = "Example: peal subscribe hello news --json --count 10\n\n\
With --json each message is one line: {\"channel\":…,\"event\":…,\"data\":…,\"id\":…,\"position\":…,\"ts\":…}.\n\n\
Exit codes: 0 after --count messages; 2 wrong arguments; 3 refused; 4 the edge cannot be reached; 130 interrupted.";

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print every setting with its value and where it comes from; secrets are redacted
    #[command(after_help = "Example: peal config print edge --json -- --config peal.toml --cores 4")]
    Print(ConfigArgs),

    /// Report every problem of the configuration, and fail if there is one
    #[command(after_help = "Example: peal config check api -- --config peal.toml")]
    Check(ConfigArgs),
}

#[derive(Debug, Args)]
pub(crate) struct ConfigArgs {
    /// The command to look at
    #[arg(value_enum, default_value_t)]
    pub(crate) command: ServerCommand,
    /// One JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
    /// The flags of that command, after --
    #[arg(last = true)]
    pub(crate) flags: Vec<std::ffi::OsString>,
}

/// The commands that take settings from flags, environment and file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum ServerCommand {
    #[default]
    Dev,
    Edge,
    Api,
    Meter,
    Migrate,
}

impl ServerCommand {
    pub(crate) const ALL: [Self; 5] = [Self::Dev, Self::Edge, Self::Api, Self::Meter, Self::Migrate];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Edge => "edge",
            Self::Api => "api",
            Self::Meter => "meter",
            Self::Migrate => "migrate",
        }
    }
}

//! `peal migrate`: brings the database to the schema of this version. Several may run at once; Postgres lets one through at a time.

use std::time::Instant;

use crate::failure::Failure;
use crate::node;
use crate::settings::MigrateArgs;

pub(crate) fn run(args: &MigrateArgs) -> Result<(), Failure> {
    node::start_logging(&args.common)?;
    let began = Instant::now();
    node::runtime()?.block_on(async {
        let store = node::connect(&args.database, node::required_keyring(&args.database)?).await?;
        store.migrate().await.map_err(|error| Failure::because("cannot migrate the database", &error))?;
        store.close().await;
        Ok(())
    })?;
    let took_ms = began.elapsed().as_millis();
    if args.json {
        return crate::print(&format!("{}\n", serde_json::json!({ "migrated": true, "took_ms": took_ms })));
    }
    crate::print(&format!("The database has the schema of this version ({took_ms} ms).\n"))
}

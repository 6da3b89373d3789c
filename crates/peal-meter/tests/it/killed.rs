//! Senders that are processes of their own and are killed again and again: what their spool held counts once.
//!
//! Each step of a sender is one batch, with a row that names the step. A sender that starts again finds the steps that are safe, in its spool
//! or in Postgres, and goes on with the next. So the truth is known without asking anybody: every step, once.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use peal_core::usage::{Metric, Usage};
use peal_meter::{Sender, Spool};
use peal_testkit::postgres::TestDb;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use sqlx::{Connection, PgConnection};

use crate::common::{Bench, Truth, add, connect, minute_now, rows};

/// Where a child finds what it is to do: URL, folder, number, steps, the minute to count back from.
const CHILD: &str = "PEAL_METER_TEST_SENDER";
const KILLS: usize = 36;
const SENDERS: i64 = 3;
const STEPS: i64 = 150;

struct Task {
    url: String,
    folder: PathBuf,
    number: i64,
    steps: i64,
    minute: u64,
}

impl Task {
    fn given() -> Option<Self> {
        let text = std::env::var(CHILD).ok()?;
        let parts: Vec<&str> = text.split('\n').collect();
        let [url, folder, number, steps, minute] = parts[..] else { panic!("{CHILD} has five lines") };
        let parsed = |text: &str| text.parse::<i64>().expect("a number");
        let (number, steps, minute) = (parsed(number), parsed(steps), parsed(minute) as u64);
        Some(Self { url: url.to_owned(), folder: folder.into(), number, steps, minute })
    }

    fn spawn(&self) -> Child {
        let task =
            [&self.url, &*self.folder.to_string_lossy(), &self.number.to_string(), &self.steps.to_string(), &self.minute.to_string()]
                .join("\n");
        Command::new(std::env::current_exe().expect("this test's own binary"))
            .args(["killed::a_sender_does_each_of_its_steps_once", "--exact", "--test-threads=1"])
            .env(CHILD, task)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts")
    }

    /// The app whose one row says that a step is safe.
    fn marker(&self, step: i64) -> i64 {
        1_000_000 * (self.number + 1) + step
    }

    fn usage(&self, step: i64) -> Usage {
        let mut rng = StdRng::seed_from_u64((self.number * 1_000_000 + step) as u64);
        let mut all = vec![(self.marker(step), self.minute, Metric::ApiRequests, 1)];
        for _ in 0..20 {
            all.push((rng.random_range(0..4), self.minute - rng.random_range(0..180), Metric::MessagesOut, rng.random_range(1..500)));
        }
        rows(&all)
    }

    /// The first step that is neither in the spool nor in Postgres. The spool is asked first: what leaves it is in Postgres.
    async fn next_step(&self, spool: &Spool) -> i64 {
        let in_spool = spool.batches();
        let mut safe: BTreeSet<i64> = in_spool.iter().flat_map(|batch| &batch.usage.rows).map(|row| row.app.get() - 100_000_000).collect();
        let mut connection = PgConnection::connect(&self.url).await.expect("Postgres answers");
        let in_postgres: Vec<i64> = sqlx::query_scalar("select app_id - 100000000 from usage_minute where metric = $1")
            .bind(Metric::ApiRequests.number())
            .fetch_all(&mut connection)
            .await
            .expect("the query runs");
        safe.extend(in_postgres);
        (0..self.steps).find(|step| !safe.contains(&self.marker(*step))).unwrap_or(self.steps)
    }

    async fn run(&self) {
        let spool = Arc::new(Spool::open(Some(&self.folder)).expect("the spool opens"));
        let mut sender = Sender::new(Arc::clone(&spool), connect(&self.url).await, format!("sender {}", self.number));
        let mut step = self.next_step(&spool).await;
        let sending = tokio::spawn({
            let mut sender = Sender::new(Arc::clone(&spool), connect(&self.url).await, format!("sender {}", self.number));
            async move { sender.run().await }
        });
        while step < self.steps {
            let (spool, usage) = (Arc::clone(&spool), self.usage(step));
            tokio::task::spawn_blocking(move || spool.append(usage, 1)).await.expect("it runs").expect("the disk takes it");
            step += 1;
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        sending.abort();
        sending.await.ok();
        sender.finish().await.expect("Postgres answers");
        assert_eq!(spool.waiting(), 0);
    }
}

fn truth_of(tasks: &[Task]) -> Truth {
    let mut truth = Truth::new();
    tasks.iter().flat_map(|task| (0..task.steps).map(|step| task.usage(step))).for_each(|usage| add(&mut truth, &usage));
    truth
}

fn task(db: &TestDb, folder: &Path, number: i64, steps: i64) -> Task {
    Task { url: db.url().to_owned(), folder: folder.join(number.to_string()), number, steps, minute: minute_now() }
}

/// By itself a test; with [`CHILD`] set, the body of a process that is going to be killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sender_does_each_of_its_steps_once() {
    if let Some(task) = Task::given() {
        return task.run().await;
    }
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let task = task(&bench.db, folder.path(), 0, 20);
    task.run().await;
    task.run().await;
    bench.rollup_all().await;
    bench.assert_exact(&truth_of(&[task])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_processes_count_what_they_had_spooled_once() {
    let bench = Bench::new().await;
    let folder = tempfile::tempdir().unwrap();
    let tasks: Vec<Task> = (0..SENDERS).map(|number| task(&bench.db, folder.path(), number, STEPS)).collect();
    let mut children: Vec<Child> = tasks.iter().map(Task::spawn).collect();
    let mut rng = StdRng::seed_from_u64(7);
    let mut killed = 0;
    for _ in 0..KILLS {
        // Long enough to get somewhere, short enough to be killed at work; a roll-up now and then beside it.
        tokio::time::sleep(Duration::from_millis(rng.random_range(60..180))).await;
        let which = rng.random_range(0..tasks.len());
        if children[which].try_wait().expect("it can be asked").is_none() {
            children[which].kill().expect("it is ours");
            killed += 1;
        }
        children[which].wait().expect("it ends");
        children[which] = tasks[which].spawn();
        bench.store.usage_rollup(None).await.expect("a roll-up");
    }
    for (task, child) in tasks.iter().zip(&mut children) {
        let status = child.wait().expect("it ends");
        assert!(status.success(), "sender {}: {status}", task.number);
    }
    assert!(killed > KILLS / 4, "only {killed} were killed at work");
    bench.rollup_all().await;
    bench.assert_exact(&truth_of(&tasks)).await;
}

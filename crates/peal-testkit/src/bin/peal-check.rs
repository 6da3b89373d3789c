//! Runs every check of the repository: `cargo run -q -p peal-testkit --bin peal-check -- [--list] [--deep] [--only STEP]…`.

use std::process::ExitCode;

use peal_testkit::check;

const USAGE: &str = "peal-check [--list] [--deep] [--only STEP]...

  --list        print the names of the steps
  --deep        run the deep steps and what they need, instead of the ordinary ones
  --only STEP   run this step and those it needs; may repeat

Example: peal-check --only rust --only sdk-unit";

fn main() -> ExitCode {
    let (mut only, mut deep) = (Vec::new(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match (argument.as_str(), arguments.len()) {
            ("--list", _) => {
                check::names().for_each(|name| println!("{name}"));
                return ExitCode::SUCCESS;
            }
            ("--help" | "-h", _) => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            ("--deep", _) => deep = true,
            ("--only", 1..) => only.extend(arguments.next()),
            _ => {
                eprintln!("unknown argument {argument}\n\n{USAGE}");
                return ExitCode::from(2);
            }
        }
    }
    check::run(&only, deep)
}

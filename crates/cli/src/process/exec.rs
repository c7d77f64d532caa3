//! `weft exec`.

use crate::{cli::wait_for, client::Client, completion, failure::Exit};
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};
use weft_api::v1::{Process, ProcessState};
use weft_process::{args::EnvArg, exec};

/// Run a command beside a process, in its namespaces (as root).
#[derive(Debug, clap::Args)]
pub(crate) struct Exec {
    /// An environment variable, or the name of one to pass on
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    env: Vec<EnvArg>,
    /// The directory to start in [default: the process's own]
    #[arg(short, long, value_name = "PATH")]
    workdir: Option<PathBuf>,
    /// Accepted because docker has it: the command has this one's input, output and terminal in any case
    #[arg(short, long, hide = true)]
    interactive: bool,
    /// As above
    #[arg(short, long, hide = true)]
    tty: bool,
    /// The process's name, id, or a start of its id
    #[arg(add = completion::processes())]
    process: String,
    /// The command
    #[arg(required = true, trailing_var_arg = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Exec {
    /// Becomes the command, on success. There must be one thread only (setns(2)), and there is none besides
    /// this one after the agent was asked.
    pub(crate) fn run(self, client: &Client) -> anyhow::Result<ExitCode> {
        let process = wait_for(async { Ok(client.get::<Process>(&super::path(&self.process)).await?) })
            .map_err(|error| refused(format!("{error:#}")))?;
        let ProcessState::Running { pid } = process.state else {
            return Err(refused(format!("process {} does not run", process.name)));
        };
        let env = environment(self.env);
        let error = exec::replace(&exec::ExecRequest {
            pid,
            netns: &process.netns,
            command: &self.command,
            env: &env,
            workdir: self.workdir.as_deref(),
        });
        Err(Exit { code: u8::try_from(error.code).unwrap_or(125), message: error.to_string() }.into())
    }
}

fn refused(message: String) -> anyhow::Error {
    Exit { code: 125, message }.into()
}

/// What `-e` means in this environment.
pub(super) fn environment(args: Vec<EnvArg>) -> BTreeMap<String, String> {
    args.into_iter().filter_map(|arg| arg.resolve(|name| std::env::var(name).ok())).collect()
}

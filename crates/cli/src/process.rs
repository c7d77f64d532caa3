//! Processes on networks, without an engine.

mod exec;
mod logs;
mod ps;
mod rm;
mod run;
mod session;
mod stop;
mod terminal;

pub(crate) use exec::Exec;
pub(crate) use logs::Logs;
pub(crate) use ps::Ps;
pub(crate) use rm::Rm;
pub(crate) use run::Run;
pub(crate) use stop::Stop;

use crate::client::part;

const PATH: &str = "/weft/v1/processes";

fn path(process: &str) -> String {
    format!("{PATH}/{}", part(process))
}

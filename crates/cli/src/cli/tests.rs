use super::*;
use clap::CommandFactory;

#[test]
fn the_commands_are_sound() {
    Cli::command().debug_assert();
}

//! `weft user`.

mod bundle;

use crate::{
    agent,
    client::{Client, part},
    failure::each,
    output::{Listing, Out, short},
};
use anyhow::bail;
use clap::Subcommand;
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use std::{cell::RefCell, io::IsTerminal, path::PathBuf, process::ExitCode};
use weft_agent::users::{self, KnownUser};
use weft_model::{NodeId, UserName, starts_id};

/// Who may use the API for other hosts.
#[derive(Debug, Subcommand)]
pub(crate) enum User {
    /// Make a certificate with which `docker -H tcp://HOST:2376 --tlsverify` and `weft --host` are answered
    ///
    /// What it takes is written as an archive (tar) of ca.pem, cert.pem and key.pem, or into a directory: that of
    /// DOCKER_CERT_PATH and WEFT_CERT_PATH, ~/.docker and ~/.weft if nothing else is said. The key is nowhere else.
    Add(Add),
    /// List the certificates that were made on this host
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        listing: Listing,
        /// The agent's configuration file [default: /etc/weft/weft.toml]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
    /// Revoke all certificates of users, or single ones: no host answers them any more
    #[command(visible_alias = "remove")]
    Rm {
        /// Names, or ids of certificates
        #[arg(required = true, value_name = "USER")]
        users: Vec<String>,
        /// The agent's configuration file [default: /etc/weft/weft.toml]
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
    },
}

/// Make a certificate for a user.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  weft user add alice --directory ~/.docker\n  weft user add alice | ssh LAPTOP 'mkdir -pm700 \
    .docker && tar -xC .docker'"
)]
pub(crate) struct Add {
    /// Their name
    #[arg(value_name = "NAME")]
    name: UserName,
    /// How many days it is good for
    #[arg(long, value_name = "DAYS", default_value_t = 365, value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: u16,
    /// Write the files there, in place of an archive on standard output
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,
    /// The agent's configuration file [default: /etc/weft/weft.toml]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl User {
    pub(crate) async fn run(self, client: &Client, out: Out) -> anyhow::Result<ExitCode> {
        if !rustix::process::geteuid().is_root() {
            bail!("`weft user` reads the agent's keys: run it as root");
        }
        client.must_be_here("`weft user`")?;
        match self {
            Self::Add(add) => add.run(out),
            Self::Ls { listing, config } => {
                ls(&listing, &users::list(&agent::read_config(config.as_deref())?.data_dir)?, out)
            }
            Self::Rm { users, config } => {
                let data_dir = agent::read_config(config.as_deref())?.data_dir;
                let known = users::list(&data_dir)?;
                let out = RefCell::new(out);
                each(&users, async |user| {
                    for (name, id) in chosen(&known, user)? {
                        client.delete(&format!("/weft/v1/users/{}/{id}", part(name.as_str()))).await?;
                        users::forget(&data_dir, id)?;
                    }
                    out.borrow_mut().line(user)
                })
                .await
            }
        }
    }
}

/// Which certificates are meant: all of a user, or one, also if another host made it.
fn chosen(known: &[KnownUser], user: &str) -> anyhow::Result<Vec<(UserName, NodeId)>> {
    let is_it = |one: &&KnownUser| one.name.as_str() == user || starts_id(user, &one.id.to_string());
    let found: Vec<_> = known.iter().filter(is_it).map(|one| (one.name.clone(), one.id)).collect();
    match user.parse() {
        Ok(id) if found.is_empty() => Ok(vec![("unknown".parse()?, id)]),
        _ if found.is_empty() => bail!(
            "user {user} not found here: `weft user ls` lists the certificates that this host made, and another host of the \
             cluster those that it made"
        ),
        _ => Ok(found),
    }
}

impl Add {
    fn run(self, mut out: Out) -> anyhow::Result<ExitCode> {
        if self.directory.is_none() && std::io::stdout().is_terminal() {
            bail!(
                "this would write a key on the terminal: give --directory, or send it on, as in: weft user add NAME >NAME.tar"
            );
        }
        let config = agent::read_config(self.config.as_deref())?;
        let life = SignedDuration::from_hours(24 * i64::from(self.days));
        users::may_add(&config)?;
        self.directory.as_deref().map(bundle::try_directory).transpose()?;
        let bundle = users::add(&config, self.name, life)?;
        match &self.directory {
            Some(directory) => {
                bundle::write(directory, &bundle)?;
                out.line(format!(
                    "Wrote ca.pem, cert.pem and key.pem to {}: good until {}.",
                    directory.display(),
                    date(bundle.user.until)
                ))?;
            }
            None => out.bytes(&bundle::archive(&bundle)?)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn date(at: Timestamp) -> String {
    at.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
}

fn ls(listing: &Listing, users: &[KnownUser], mut out: Out) -> anyhow::Result<ExitCode> {
    if listing.quiet {
        for user in users {
            out.line(user.id.to_string())?;
        }
    } else if !listing.written(users, &mut out)? {
        let row = |user: &KnownUser| {
            let id = short(&user.id.to_string(), false);
            vec![user.name.to_string(), id, date(user.made), date(user.until)]
        };
        out.table(&["NAME", "CERTIFICATE ID", "CREATED", "GOOD UNTIL"], users.iter().map(row).collect())?;
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_all_certificates_and_an_id_is_one() {
        let user = |name: &str, digit: &str| KnownUser {
            name: name.parse().unwrap(),
            id: digit.repeat(64).parse().unwrap(),
            made: Timestamp::UNIX_EPOCH,
            until: Timestamp::UNIX_EPOCH,
        };
        let known = [user("alice", "1"), user("alice", "2"), user("bob", "3")];
        let ids = |text: &str| {
            let chosen = chosen(&known, text).unwrap();
            chosen
                .into_iter()
                .map(|(name, id)| format!("{name} {}", &id.to_string()[..1]))
                .collect::<Vec<_>>()
        };
        assert_eq!(ids("alice"), ["alice 1", "alice 2"]);
        assert_eq!(ids(&"2".repeat(64)), ["alice 2"]);
        assert_eq!(ids(&"4".repeat(64)), ["unknown 4"]);
        assert!(chosen(&known, "carol").is_err());
    }
}

//! `webhooks secret|status|replay`.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{CommonArgs, Failure, Report};
use crate::webhooks::{self, Journal};

/// What to do with the webhooks.
#[derive(Debug, Clone, Args)]
pub struct WebhooksArgs {
    #[command(flatten)]
    common: CommonArgs,
    #[command(subcommand)]
    command: WebhooksCommand,
}

#[derive(Debug, Clone, Subcommand)]
enum WebhooksCommand {
    /// Print the secret that receivers check signatures with
    Secret,
    /// Print how far the events are written and told
    Status,
    /// Tell the events again, from one on
    Replay {
        /// The cursor of the first event to tell again
        #[arg(long, value_name = "CURSOR", value_parser = clap::value_parser!(i64).range(1..))]
        from: i64,
    },
}

/// Runs a command and returns the process's exit status.
pub fn run(arguments: WebhooksArgs) -> ExitCode {
    let WebhooksArgs { common, command } = arguments;
    common.run(async move |store, master_key| {
        let journal = Journal::new(store.clone());
        match command {
            WebhooksCommand::Secret => {
                let secret = webhooks::secret(master_key);
                Ok(Report { text: format!("{secret}\n"), json: json!({"secret": secret}) })
            }
            WebhooksCommand::Status => {
                let progress = journal.progress().await?;
                let (written, told) = (progress.written, progress.told);
                let text = format!("the newest event is {written}, the last one told is {told}\n");
                Ok(Report { text, json: json!({"written": written, "told": told}) })
            }
            WebhooksCommand::Replay { from } => {
                let written = journal.progress().await?.written;
                if from > written {
                    return Err(Failure::Request(format!(
                        "there is no event {from}; the newest is {written}"
                    )));
                }
                journal.replay_from(from).await?;
                let text = format!("the events from {from} to {written} are told again\n");
                Ok(Report { text, json: json!({"from": from, "to": written}) })
            }
        }
    })
}

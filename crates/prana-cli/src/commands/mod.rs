//! The subcommands, one file each.

mod actions;
mod backup;
mod completions;
mod connector;
mod credentials;
mod doctor;
mod eval;
mod executions;
mod export;
mod graph;
mod import;
mod mcp;
mod run;
mod schedules;
mod schema;
mod secrets;
mod serve;
mod test;
mod tokens;
mod torture;
mod users;
mod validate;
mod workflows;

use clap::Subcommand;

pub use self::run::Form;
use crate::exit::Outcome;

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Runs a workflow here and now.
    Run(run::Args),
    /// Says what is wrong with workflow files.
    Validate(validate::Args),
    /// Runs test documents (*.test.yaml) in virtual time.
    Test(test::Args),
    /// Draws a workflow.
    Graph(graph::Args),
    /// Evaluates an expression, or many of them line by line.
    Eval(eval::Args),
    /// Lists the actions that nodes can run, or explains one.
    Actions(actions::Args),
    /// Lists connectors, checks them, makes them of OpenAPI documents.
    Connector(connector::Args),
    /// Prints the JSON Schema of workflow files, for editors.
    Schema,
    /// Serves workflows over HTTP: API, webhooks, resume links, live events.
    Serve(serve::Args),
    /// Lists and handles executions, in a database or on a server.
    Executions(executions::Args),
    /// Lists and handles workflows, in a database or on a server.
    Workflows(workflows::Args),
    /// Lists, pauses and resumes schedules, in a database or on a server.
    Schedules(schedules::Args),
    /// Sets, lists and deletes secrets, and changes what they are locked with.
    Secrets(secrets::Args),
    /// Adds, lists, tests and removes credentials: what says who asks, and is put into requests at the last moment.
    Credentials(credentials::Args),
    /// Makes, lists and ends the tokens of programs.
    Tokens(tokens::Args),
    /// Makes, lists and changes the people who can log in.
    Users(users::Args),
    /// Copies a database while it is worked with.
    Backup(backup::Args),
    /// Says whether a server can run here, and what to do where it can't.
    Doctor(doctor::Args),
    /// Offers workflows and executions as tools (Model Context Protocol), over stdin and stdout.
    Mcp(mcp::Args),
    /// Takes in workflows and executions of another engine.
    Import(import::Args),
    /// Writes a workflow or an execution in the form of another engine.
    Export(export::Args),
    /// Prints a completion script for a shell.
    Completions(completions::Args),
    /// Kills the engine again and again, and shows that nothing is lost and nothing happens twice.
    Torture(torture::Args),
    #[command(hide = true)]
    TortureLedger(torture::ledger::Args),
    #[command(hide = true)]
    TortureWorker(torture::worker::Args),
}

impl Command {
    /// Whether it begins its log by itself, as its configuration says.
    pub fn logs(&self) -> bool {
        matches!(self, Command::Serve(_))
    }

    /// Does it. `verbose` is how often `-v` was given.
    ///
    /// # Errors
    /// Why it was refused.
    pub fn run(self, verbose: u8) -> Outcome {
        match self {
            Command::Run(args) => run::run(args),
            Command::Validate(args) => validate::run(&args),
            Command::Test(args) => test::run(args),
            Command::Graph(args) => graph::run(args),
            Command::Eval(args) => eval::run(&args),
            Command::Actions(args) => actions::run(&args),
            Command::Schema => schema::run(),
            Command::Serve(args) => serve::run(args, verbose),
            Command::Executions(args) => executions::run(args),
            Command::Connector(args) => connector::run(args),
            Command::Workflows(args) => workflows::run(args),
            Command::Schedules(args) => schedules::run(args),
            Command::Secrets(args) => secrets::run(args),
            Command::Credentials(args) => credentials::run(args),
            Command::Tokens(args) => tokens::run(args),
            Command::Users(args) => users::run(args),
            Command::Backup(args) => backup::run(args),
            Command::Doctor(args) => doctor::run(args),
            Command::Mcp(args) => mcp::run(args),
            Command::Import(args) => import::run(args),
            Command::Export(args) => export::run(args),
            Command::Completions(args) => completions::run(&args),
            Command::Torture(args) => torture::run(&args),
            Command::TortureLedger(args) => torture::ledger::run(&args),
            Command::TortureWorker(args) => torture::worker::run(args),
        }
    }
}

/// How lists are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// For programs.
    Json,
}

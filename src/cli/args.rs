//! The command line. The names are fixed (DESIGN §4.1); a command is here when it works.
use std::path::PathBuf;

use clap::builder::{PathBufValueParser, PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::config::Span;
use crate::model::Apply;
use crate::qr::QrFormat;

/// Hand work from Claude on your phone to the agents on your own machine.
#[derive(Debug, Parser)]
#[command(name = "gateway", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// The flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags of every command.
#[derive(Args, Clone, Debug)]
pub struct Global {
    /// Read this configuration file instead of the usual one
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print data as JSON (`"schema": 1`)
    #[arg(long, global = true)]
    pub json: bool,
    /// How to log to stderr
    #[arg(long, global = true, value_enum, default_value_t = LogFormatArg::Auto, value_name = "FORMAT")]
    pub log_format: LogFormatArg,
    /// Say only what is necessary; log only errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log more: -v debug, -vv trace
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// How to log.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq, ValueEnum)]
pub enum LogFormatArg {
    /// Lines for people on a terminal, JSON elsewhere
    #[default]
    Auto,
    /// Lines for people
    Pretty,
    /// One JSON object per line
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the gateway: open the tunnel, serve MCP, print the QR code
    Serve(ServeArgs),
    /// Make client credentials for Claude and print them once
    MintClient(MintClientArgs),
    /// Make a bearer token for a script or a program that cannot sign in, and print it once
    MintToken(MintTokenArgs),
    /// Check the set-up and name the cure of what is wrong
    Doctor(DoctorArgs),
    /// Pair a phone or browser: print a fresh link, QR code and consent code
    Pair(PairArgs),
    /// Show what the running gateway does
    Status(StatusArgs),
    /// Look at tasks, and answer what their agents ask
    #[command(subcommand)]
    Tasks(TasksCommand),
    /// The folders that tasks may work in
    #[command(subcommand)]
    Projects(ProjectsCommand),
    /// The clients that may sign in, and the tokens that you made
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// The phones and browsers that are paired
    #[command(subcommand)]
    Devices(DevicesCommand),
    /// Hand a session of Claude Code over; reads what its hooks give them from stdin
    PushSession,
    /// The configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Secrets in the keyring (or the secrets file)
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// Run the gateway as a service of your login session
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Print a completion script
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
    /// Write the manual pages into a folder
    Man {
        /// The folder; made when missing
        dir: PathBuf,
    },
}

/// Arguments of `serve`.
#[derive(Args, Clone, Debug)]
pub struct ServeArgs {
    /// The tunnel: auto, none, ngrok or cloudflare-quick
    #[arg(long, value_name = "PROVIDER")]
    pub tunnel: Option<String>,
    /// Listen here; port 0 picks a free one
    #[arg(long, value_name = "ADDR")]
    pub listen: Option<String>,
    /// The public https URL of an own reverse proxy
    #[arg(long, value_name = "URL")]
    pub public_url: Option<String>,
    /// Let tasks work in this folder; may be repeated
    #[arg(long = "project", value_name = "PATH")]
    pub projects: Vec<PathBuf>,
    /// Do not open the pairing page in a browser
    #[arg(long)]
    pub no_open: bool,
    /// Write the QR code of the pairing link to this file (.png or .svg), for you alone
    #[arg(long, value_name = "FILE", value_parser = image_file())]
    pub qr_file: Option<PathBuf>,
}

/// Arguments of `mint-client`.
#[derive(Args, Clone, Debug)]
pub struct MintClientArgs {
    /// A name to tell it by
    #[arg(long, default_value = "claude")]
    pub name: String,
    /// Allow this scope (observe, files, run); may be repeated; all of them otherwise
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Allow only this project; may be repeated
    #[arg(long = "project", value_name = "PROJECT")]
    pub projects: Vec<String>,
    /// Make a client without a secret
    #[arg(long, conflicts_with = "rotate")]
    pub public: bool,
    /// Give the client of this name a new secret; the old one stays valid for an hour
    #[arg(long, conflicts_with_all = ["scopes", "projects"])]
    pub rotate: bool,
}

/// Arguments of `mint-token`.
#[derive(Args, Clone, Debug)]
pub struct MintTokenArgs {
    /// A name to tell it by
    #[arg(long, default_value = "token")]
    pub name: String,
    /// Allow this scope (observe, files, run); may be repeated; all of them otherwise
    #[arg(long = "scope", value_name = "SCOPE")]
    pub scopes: Vec<String>,
    /// Allow only this project; may be repeated
    #[arg(long = "project", value_name = "PROJECT")]
    pub projects: Vec<String>,
    /// Let it end after this time, 365d at most
    #[arg(long, value_name = "DURATION", default_value = "90d")]
    pub expires: Span,
    /// Let it count through the tunnel too, not on this machine alone
    #[arg(long)]
    pub allow_tunnel: bool,
}

/// Arguments of `doctor`.
#[derive(Args, Clone, Debug)]
pub struct DoctorArgs {
    /// Count warnings as failures
    #[arg(long)]
    pub strict: bool,
    /// Run only this check; may be repeated
    #[arg(long = "only", value_name = "ID")]
    pub only: Vec<String>,
    /// Also sign in and run a task with a built-in stand-in agent
    #[arg(long)]
    pub deep: bool,
    /// Also walk a client's whole way through the public address
    #[arg(long)]
    pub public: bool,
}

/// Arguments of `pair`.
#[derive(Args, Clone, Debug)]
pub struct PairArgs {
    /// Write the QR code to this file (.png or .svg), for you alone
    #[arg(long, value_name = "FILE", value_parser = image_file())]
    pub qr_file: Option<PathBuf>,
}

/// Arguments of `status`.
#[derive(Args, Clone, Debug)]
pub struct StatusArgs {
    /// Go on and print what changes
    #[arg(long)]
    pub follow: bool,
}

/// What each way of applying work does.
const APPLY_HELP: &str = "\
merge    puts the work into the branch that the task began from; a clean working tree moves along
branch   keeps it as a branch of its own
discard  deletes its branch and its folder";

/// `gateway tasks …`
#[derive(Debug, Subcommand)]
pub enum TasksCommand {
    /// List tasks, newest first
    List {
        /// Only tasks in this state; may be repeated
        #[arg(long = "state", value_name = "STATE")]
        states: Vec<String>,
        /// Only tasks of this project
        #[arg(long)]
        project: Option<String>,
        /// What tasks ask instead of the tasks: everything that waits for an answer
        #[arg(long, conflicts_with_all = ["states", "project", "limit"])]
        asking: bool,
        /// How many
        #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Show a task and what it asks
    Show(TaskArg),
    /// Follow what a task's agent does
    Tail(TaskArg),
    /// Print a task's answer
    Result(TaskArg),
    /// Print a task's changes as a diff
    Diff {
        #[command(flatten)]
        task: TaskArg,
        /// Only this file or folder
        #[arg(long)]
        path: Option<String>,
        /// Only the number of changed lines per file
        #[arg(long)]
        stat: bool,
    },
    /// Merge, keep or discard a finished task's work
    #[command(after_help = APPLY_HELP)]
    Apply {
        #[command(flatten)]
        task: TaskArg,
        /// What is to become of it
        #[arg(value_parser = apply_action())]
        action: Apply,
    },
    /// Allow what a task's agent asks, or let it carry out its plan
    Approve {
        #[command(flatten)]
        request: RequestArg,
        /// Allow this input instead: a whole JSON object, as `show` prints it
        #[arg(long, value_name = "JSON", conflicts_with = "always")]
        edit: Option<String>,
        /// Allow the very same in this task again, for 8 hours at most
        #[arg(long)]
        always: bool,
    },
    /// Refuse what a task's agent asks
    Deny {
        #[command(flatten)]
        request: RequestArg,
        /// What the agent is told: why not, what to do instead, what to change in a plan
        #[arg(long, short)]
        message: Option<String>,
    },
    /// Answer a question of a task's agent, or tell it something while it works
    Answer {
        #[command(flatten)]
        request: RequestArg,
        /// One for each question, in order: a choice's number or words (several with commas between
        /// them), or your own words
        #[arg(required_unless_present = "message")]
        answers: Vec<String>,
        /// Tell the agent this, although it asks nothing
        #[arg(long, short, conflicts_with_all = ["answers", "request"])]
        message: Option<String>,
    },
    /// Cancel a task and every process it started
    Cancel {
        /// The task's id, its beginning, or `all`
        task: String,
    },
}

/// Names a task.
#[derive(Args, Clone, Debug)]
pub struct TaskArg {
    /// The task's id, or enough of its beginning
    pub task: String,
}

/// Names a request of a task.
#[derive(Args, Clone, Debug)]
pub struct RequestArg {
    /// The task's id, or enough of its beginning
    pub task: String,
    /// The request's id, when the task asks more than one thing
    #[arg(long)]
    pub request: Option<String>,
}

/// `gateway projects …`
#[derive(Debug, Subcommand)]
pub enum ProjectsCommand {
    /// List the projects
    List,
    /// Add a folder to the configuration file
    Add {
        /// The folder
        path: PathBuf,
        /// Its name; the folder's otherwise
        #[arg(long)]
        name: Option<String>,
        /// A sentence for the chat
        #[arg(long, default_value = "")]
        description: String,
        /// Make it the project of tasks that name none
        #[arg(long)]
        default: bool,
    },
    /// Remove a project from the configuration file; its folder stays
    Remove {
        /// Its name
        name: String,
    },
}

/// `gateway clients …`
#[derive(Debug, Subcommand)]
pub enum ClientsCommand {
    /// List the clients and tokens
    List,
    /// Remove a client or token; what it holds is refused from now on
    Revoke {
        /// Its id or name
        client: String,
    },
    /// Let a client or token work until a moment, then no more
    Expire {
        /// Its id or name
        client: String,
        /// A duration from now such as `30d`, or a moment such as `2027-01-31T00:00:00Z`
        #[arg(long = "in", value_name = "WHEN", allow_hyphen_values = true)]
        when: String,
    },
}

/// `gateway devices …`
#[derive(Debug, Subcommand)]
pub enum DevicesCommand {
    /// List the devices
    List,
    /// End a device's pairing; it no longer stands for you from now on
    Revoke {
        /// Its id, or `all`
        device: String,
    },
}

/// `gateway config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print where configuration, state and sockets are
    Path,
    /// Print every setting and where it comes from
    Show,
    /// Check the configuration
    Check,
    /// Print the JSON schema of the configuration
    Schema,
}

/// `gateway secrets …`
#[derive(Debug, Subcommand)]
pub enum SecretsCommand {
    /// Store a secret, read from stdin or typed without echo
    Set {
        /// Its name, such as `ngrok-authtoken`
        name: String,
    },
    /// List names of secrets, never their values
    List,
    /// Remove a secret
    Remove {
        /// Its name
        name: String,
    },
}

/// `gateway service …`
#[derive(Debug, Subcommand)]
pub enum ServiceCommand {
    /// Install and start the service
    Install {
        /// Print the service file and do nothing
        #[arg(long)]
        print: bool,
    },
    /// Stop and remove the service; data stays
    Uninstall {
        /// Print what would be done and do nothing
        #[arg(long)]
        print: bool,
    },
    /// Tell whether the service is installed and runs
    Status {
        /// Print the command that asks and do nothing
        #[arg(long)]
        print: bool,
    },
}

/// What is to become of a task's work.
fn apply_action() -> impl TypedValueParser<Value = Apply> {
    PossibleValuesParser::new(Apply::NAMES).try_map(|name| name.parse::<Apply>())
}

/// A path whose name tells the format of an image.
fn image_file() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| QrFormat::from_path(&path).map(|_| path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_excludes_each_other_in_an_answer_is_wrong_usage() {
        let parse = |more: &[&str]| {
            let all = ["gateway", "tasks"].iter().chain(more);
            Cli::try_parse_from(all).map_err(|error| error.exit_code())
        };
        parse(&["answer", "t", "1", "own words"]).unwrap();
        parse(&["approve", "t", "--edit", "{}"]).unwrap();
        for wrong in [
            &["approve", "t", "--edit", "{}", "--always"][..],
            &["answer", "t"],
            &["list", "--asking", "--state", "running"],
            &["deny", "t", "--always"],
        ] {
            assert_eq!(parse(wrong).map(|_| ()), Err(2), "{wrong:?}");
        }
    }

    #[test]
    fn a_qr_file_of_no_known_format_is_wrong_usage() {
        for command in ["serve", "pair"] {
            let parse = |file: &str| Cli::try_parse_from(["gateway", command, "--qr-file", file]);
            parse("a.png").unwrap();
            parse("a.SVG").unwrap();
            let error = parse("x.gif").unwrap_err();
            assert_eq!(error.exit_code(), 2);
            assert!(error.to_string().contains("it must end in .png or .svg"), "{error}");
        }
    }
}

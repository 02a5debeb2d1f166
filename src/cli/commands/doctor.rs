//! `gateway doctor`.
use crate::cli::args::DoctorArgs;
use crate::cli::context::{Context, print_text};
use crate::cli::doctor::{self, Finding, Line, Report, Status, World, deep, public};
use crate::cli::error::{CliError, Exit};

/// Runs the command.
pub(in crate::cli) fn run(context: &Context, args: DoctorArgs) -> Result<(), CliError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(examine(context, args));
    // A look at a dead network folder may hang in a thread of its own; nobody waits for it.
    runtime.shutdown_background();
    done
}

/// The report where not even the folders are known: this is what keeps everything else from working.
pub(in crate::cli) fn without_folders(error: CliError, json: bool) -> Result<(), CliError> {
    let (cause, cure) = (error.message, error.hint.unwrap_or_default());
    let finding = Finding::fail("the gateway's folders cannot be told", cause, cure);
    let report = Report { lines: vec![Line::new("environment", Ok(finding))], strict: false };
    let text = if json { format!("{:#}\n", report.json()) } else { report.text(false) };
    print_text(&text)?;
    Err(CliError::failed("1 of the checks failed, and no other can be done")
        .hint("follow the cure above, then run `gateway doctor` again"))
}

async fn examine(context: &Context, args: DoctorArgs) -> Result<(), CliError> {
    let checks = doctor::select(&args.only).map_err(|error| {
        let hint = error.hint();
        CliError::new(Exit::Usage, error).hint(hint)
    })?;
    let world = World::new(context);
    let mut lines = doctor::run(&checks, &world).await;
    if args.deep {
        lines.extend(deep::run(context).await);
    }
    if args.public {
        lines.extend(public::run(context, &world).await);
    }
    let report = Report { lines, strict: args.strict };
    context.print(&report.json(), || report.text(context.colors()))?;
    if report.is_ok() {
        return Ok(());
    }
    let (failures, warnings) = (report.count(Status::Fail), report.count(Status::Warn));
    let message = match (failures, warnings) {
        (0, warnings) => format!("{warnings} of the checks warn, and --strict was given"),
        (failures, _) => format!("{failures} of the checks failed"),
    };
    Err(CliError::failed(message).hint("follow the cures above, then run `gateway doctor` again"))
}
